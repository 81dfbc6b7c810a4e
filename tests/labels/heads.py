"""The print heads papers are drawn for, by their dpi."""

from __future__ import annotations

from kiosk.protocols.printers.page_setup import PrintHead

LABEL = {203: PrintHead(203, 832), 300: PrintHead(300, 1248)}
STRIP = {203: PrintHead(203, 384), 300: PrintHead(300, 576)}
