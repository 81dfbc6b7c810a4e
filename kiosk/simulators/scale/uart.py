"""What a receiver makes of bytes that were sent with other line settings: bits laid out in time and sampled again."""

from __future__ import annotations

from kiosk.protocols.scales.shared.protocol import LineSettings


def as_received(data: bytes, sender: LineSettings, receiver: LineSettings) -> bytes:
    """The bytes a UART set to ``receiver`` hands on when ``data`` is sent without pauses by one set to ``sender``.

    Each character is a start bit (0), its data bits from the lowest, a parity bit if there is one, and stop bits (1).
    The receiver waits for a 0, samples each bit in its middle, and like a serial port of Linux hands on what it saw:
    wrong parity and a missing stop bit are ignored.
    """
    if sender == receiver:
        return bytes(byte & _mask(sender) for byte in data)
    levels = [bit for byte in data for bit in _character(byte, sender)]
    return bytes(_sampled(levels, sender.baud, receiver))


def _mask(line: LineSettings) -> int:
    return (1 << line.bytesize) - 1


def _character(byte: int, line: LineSettings) -> list[int]:
    bits = [(byte >> at) & 1 for at in range(line.bytesize)]
    odd = sum(bits) & 1
    parity: list[int] = {"N": [], "E": [odd], "O": [1 - odd]}[line.parity]
    return [0, *bits, *parity, *[1] * line.stopbits]


def _sampled(levels: list[int], sent_baud: int, receiver: LineSettings) -> list[int]:
    """Time runs in units of 1 / (sent baud x heard baud): a bit of the sender is ``heard.baud`` of them long."""
    long, short = receiver.baud, sent_baud
    bits = receiver.bytesize + (receiver.parity != "N") + 1
    noise: list[int] = []
    at = 0

    def level(moment: int) -> int:
        return levels[moment // long] if moment // long < len(levels) else 1

    while at < len(levels) * long:
        if level(at) or level(at + short // 2):
            at = (at // long + 1) * long
            continue
        middles = (at + short * place + short // 2 for place in range(1, receiver.bytesize + 1))
        noise.append(sum(level(middle) << place for place, middle in enumerate(middles)))
        at += short * (1 + bits)
    return noise
