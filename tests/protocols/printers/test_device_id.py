from __future__ import annotations

import pytest

from kiosk.protocols.printers.device_id import proposed_language


def test_a_device_id_proposes_a_language(subtests: pytest.Subtests) -> None:
    for text, language in [
        ("MFG:Xprinter;CMD:TSPL2;MDL:XP-460B;CLS:PRINTER;", "tspl"),
        ("MANUFACTURER:TSC;COMMAND SET:TSPL2;MODEL:TTP-244 Plus;CLASS:PRINTER", "tspl"),
        ("MFG:Zebra Technologies ;CMD:ZPL;MDL:ZTC ZD421-203dpi ZPL;", "zpl"),
        ("MFG:EPSON;CMD:ESC/POS;MDL:TM-T20II;CLS:PRINTER;DES:EPSON TM-T20II;", "escpos"),
        ("MFG:HPRT;CMD:CPCL,TSPL;MDL:HM-A300;", "cpcl"),
        ("MFG:HP;CMD:PCL,PJL,POSTSCRIPT;MDL:LaserJet;", None),
        ("MFG:TSC;MDL:TE200;", "tspl"),
        ("mfg: zebra;mdl: x", "zpl"),
        ("MFG:Unknown;MDL:POS58", None),
        ("", None),
        (";;::;" * 5000, None),
        ("CMD:\x00\x1b!?;", None),
    ]:
        with subtests.test(text=text, language=language):
            assert proposed_language(text) == language
