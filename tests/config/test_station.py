"""The settings file: a good one is taken whole, a bad one is refused with file, line, key and what is allowed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.config.file import BadConfig
from kiosk.config.station import load
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.trade import NoCertificateReason
from kiosk.protocols.barcodes.gs1.keys import CompanyPrefix
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import LineSettings, Transport
from kiosk.simulators.village import REGION, SETTINGS, VILLAGE
from kiosk.station.shared.clock import software_id

EVERYTHING = """\
[station]
station = "S0147"
region = "yarkant"
data = "/var/lib/kiosk"
village = "ئېنئېرىق كەنتى"
payment_ug = "پۇل كېلەر ئاينىڭ 15-كۈنى تۆلىنىدۇ."
payment_zh = "货款于下月15日付清。"
payment_en = "Paid on the 15th of the next month."
phone = "0998-8512345"
slip_host = "slip.example.cn"
zone = "Asia/Urumqi"
certificate_reason = "small_grower"
photo_budget_mb = 5000

[web]
width_px = 1280
height_px = 800
diagonal_in = 10.1
language = "zh"
volume = 40
weight_decimals = 2
host = "::1"
port = 8081
idle_s = 45
ring_s = 15.5

[scale]
port = "/dev/serial/by-id/usb-scale"
protocol = "st_gs_csv"
e_g = 5
max_g = 60000
unit = "g"
baud = 1200
bytesize = 7
parity = "E"
stopbits = 2
params = { strip_parity = "true" }

[printer.label]
kind = "file"
address = "/dev/usb/lp0"
profile = "zpl_203"

[printer.receipt]
kind = "tcp"
address = "192.0.2.7:9100"
profile = "escpos"

[camera]
kind = "v4l2"
path = "/dev/v4l/by-id/cam"
width = 1280
height = 720

[scanner]
port = "/dev/serial/by-id/usb-scanner"
baud = 115200

[codes]
company_prefix = "6901234"
items = { BADAM = 1, WALNUT = 2 }
link_domain = "id.example.org"
in_store = ["20IIIIIWWWWWC", "21IIIIIWWWWWPPPPPC"]

[relay]
broker_url = "mqtts://center.example:8883"
username = "S0147"
password_file = "/etc/kiosk/password"
ca_file = "/etc/kiosk/ca.pem"
reconnect_s = 2
resend_s = 4
"""
SMALLEST = '[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "data"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "station.toml"


def refusal(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadConfig) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable(), "one line, and nothing in it that moves the cursor"
    return message.removeprefix(str(path))


PORTS = {Transport.HID: "/dev/hidraw0", Transport.GPIO: "gpio:5,6"}


def test_the_line_that_is_left_out_is_the_usual_one_of_the_format(subtests: pytest.Subtests) -> None:
    for row in registry.PROTOCOLS.values():
        with subtests.test(row=row):
            settings = ScaleSettings(PORTS.get(row.transport, "/dev/serial/by-id/scale"), row.id, 5, 60_000)
            assert settings.line == row.line
            changed = replace(settings, baud=600, parity="O").line
            assert changed == replace(row.line, baud=600, parity="O")


def test_every_section_and_every_kind_of_value(path: Path) -> None:
    path.write_text(EVERYTHING, encoding="utf-8")
    config = load(path)
    assert (config.station.station, config.station.zone) == ("S0147", "Asia/Urumqi")
    assert config.station.certificate.reason is NoCertificateReason.SMALL_GROWER
    assert config.station.database == Path("/var/lib/kiosk/station.db")
    assert (config.web.port, config.web.host, config.web.ring_s) == (8081, "::1", 15.5)
    assert config.scale is not None
    assert config.scale.line == LineSettings(1200, 7, "E", 2)
    assert (config.scale.profile.e_g, config.scale.params) == (5, {"strip_parity": "true"})
    assert config.printers["label"].profile == "zpl_203"
    assert config.printers["receipt"].endpoint == ("192.0.2.7", 9100)
    assert config.camera is not None
    assert (config.camera.kind, config.camera.height) == ("v4l2", 720)
    assert config.scanner is not None
    assert config.scanner.baud == 115_200
    assert config.codes.company == CompanyPrefix("6901234")
    assert config.codes.link_domain == "id.example.org"
    assert [layout.prefix for layout in config.codes.layouts] == ["20", "21"]
    assert config.relay is not None
    assert config.relay.password_file == Path("/etc/kiosk/password")
    assert (config.relay.station, config.relay.region) == ("S0147", "yarkant")
    assert config.relay.software == software_id()


def test_the_first_settings_file_of_the_manual_fits_the_shipped_broker_and_prints_a_receipt(path: Path) -> None:
    root = Path(__file__).parents[2]
    manual = (root / "docs" / "technician.md").read_text(encoding="utf-8")
    path.write_text(manual.partition("## A first settings file\n\n```toml\n")[2].partition("```")[0], encoding="utf-8")
    config = load(path)
    assert "require_certificate true" in (root / "firmware_config/mosquitto/mosquitto.conf").read_text(encoding="utf-8")
    assert config.relay is not None
    assert (config.relay.username, config.relay.cert_file is None, config.relay.key_file is None) == (
        None,
        False,
        False,
    )
    assert set(config.printers) == {"label", "receipt"}


def test_what_is_not_set_up_is_not_there(path: Path) -> None:
    path.write_text(SMALLEST, encoding="utf-8")
    config = load(path)
    assert (config.scale, config.camera, config.scanner, config.relay) == (None, None, None, None)
    assert config.printers == {}
    assert (config.web.port, config.station.zone) == (8080, "Asia/Shanghai")
    assert (config.codes.company, config.codes.link_domain, config.codes.layouts) == (None, "", ())


def test_the_file_the_demo_writes_is_a_good_one(path: Path) -> None:
    values = dict.fromkeys(
        ("port", "label_port", "receipt_port", "scale", "camera", "scanner", "data", "backups"), "1"
    ) | {"link_port": "1883", "photos_link_port": "8843"}
    chosen = {
        "station": "S0147",
        "region": REGION,
        "village": VILLAGE,
        "protocol": "st_gs_csv",
        "scanner_kind": "evdev",
    }
    path.write_text(SETTINGS.format(**chosen, **values), encoding="utf-8")
    config = load(path)
    assert sorted(config.printers) == ["label", "receipt"]
    assert None not in (config.scale, config.camera, config.scanner, config.panel, config.backup, config.relay)


def line_of(text: str) -> int:
    return EVERYTHING.splitlines().index(text) + 1


@pytest.mark.parametrize(
    ("old", "new", "section", "words"),
    [
        ('station = "S0147"', 'station = "147"', "[station] station", "like S0147"),
        ('region = "yarkant"', 'region = "feed"', "[station] region", "feed"),
        ('region = "yarkant"', "region = 7", "[station] region", "Expected `str`"),
        ('data = "/var/lib/kiosk"', "data = 3", "[station] data", "must be a path"),
        ('data = "/var/lib/kiosk"', 'data = ""', "[station] data", "must be a path"),
        ('zone = "Asia/Urumqi"', 'zone = "Asia/Yarkant"', "[station] zone", "like Asia/Shanghai"),
        ('zone = "Asia/Urumqi"', 'zone = "../../etc/passwd"', "[station] zone", "like Asia/Shanghai"),
        ('zone = "Asia/Urumqi"', 'zone = ""', "[station] zone", "like Asia/Shanghai"),
        (
            'certificate_reason = "small_grower"',
            'certificate_reason = "lost"',
            "[station] certificate_reason",
            "'not_presented', 'not_listed', 'small_grower'",
        ),
        *(
            (f'{key} = "{good}"', f'{key} = "{bad}"', f"[station] {key}", words)
            for key, good, bad, words in (
                ("payment_ug", "پۇل كېلەر ئاينىڭ 15-كۈنى تۆلىنىدۇ.", "", "0 characters long"),
                ("payment_ug", "پۇل كېلەر ئاينىڭ 15-كۈنى تۆلىنىدۇ.", "money", "only Uyghur letters"),
                ("payment_zh", "货款于下月15日付清。", "每斤 3 元", "names the jin"),
                ("payment_zh", "货款于下月15日付清。", "货" * 121, "1 to 120"),
                ("payment_en", "Paid on the 15th of the next month.", "付款", "Latin letters"),
                ("payment_en", "Paid on the 15th of the next month.", "3 yuan a jin", "names the jin"),
                ("phone", "0998-8512345", "call us", "3 to 19 digits"),
                ("slip_host", "slip.example.cn", "https://slip.example.cn", "no host name"),
                ("phone", "0998-8512345", "٠٩٩٨", "3 to 19 digits"),
                ("phone", "0998-8512345", "1" * 20, "3 to 19 digits"),
            )
        ),
        (
            "photo_budget_mb = 5000",
            'photo_budget_mb = "5 GB"',
            "[station] photo_budget_mb",
            "Expected `int`, got `str`",
        ),
        (
            "photo_budget_mb = 5000",
            "photo_budget_mb = true",
            "[station] photo_budget_mb",
            "Expected `int`, got `bool`",
        ),
        (
            "photo_budget_mb = 5000",
            "foto_budget_mb = 5000",
            "[station] foto_budget_mb",
            "allowed are station, region, data",
        ),
        ("photo_budget_mb = 5000", "photo_budget_mb = -1", "[station] photo_budget_mb", "100 to 1000000"),
        ("volume = 40", "volume = 400", "[web] volume", "to 100 percent"),
        *(
            ('port = "/dev/serial/by-id/usb-scale"', f'port = "{port}"', "[scale] port", "/dev/serial/by-id")
            for port in ("/dev/ttyUSB0", "/dev/ttyACM12")
        ),
        *(
            ('broker_url = "mqtts://center.example:8883"', f'broker_url = "{url}"', "[relay] broker_url", "1 to 65535")
            for url in ("mqtt://x:99999", "mqtt://x:0", "mqtt://x:y", "mqtt://[x")
        ),
        (
            'broker_url = "mqtts://center.example:8883"',
            'broker_url = "mqtts://me:word@x"',
            "[relay] broker_url",
            "no user or password",
        ),
        ("port = 8081", "port = 808100", "[web] port", "1 to 65535"),
        ("port = 8081", "port = 8081.0", "[web] port", "1 to 65535|Expected `int`"),
        ('host = "::1"', 'host = "0.0.0.0"', "[web] host", "this machine alone"),
        ('host = "::1"', 'host = "kiosk.example"', "[web] host", "kiosk.example"),
        ('language = "zh"', 'language = "de"', "[web] language", "ug, zh, en"),
        ("idle_s = 45", "idle_s = nan", "[web] idle_s", "finite"),
        ("idle_s = 45", "idle_s = -1", "[web] idle_s", "above 0"),
        ('protocol = "st_gs_csv"', 'protocol = "best"', "[scale] protocol", "xk3190_tf0"),
        ("e_g = 5", "e_g = 5.0", "[scale] e_g", "Expected `int`, got `float`"),
        ("e_g = 5", "e_g = 0", "[scale] e_g", "must be 1, 2 or 5"),
        ('unit = "g"', 'unit = "jin"', "[scale] unit", "'kg', 'g'"),
        ("bytesize = 7", "bytesize = 9", "[scale] bytesize", "7, 8"),
        ('parity = "E"', 'parity = "even"', "[scale] parity", "'N', 'E', 'O'"),
        ("baud = 1200", "baud = 12", "[scale] baud", "300 to 230400"),
        ('params = { strip_parity = "true" }', 'params = { speed = "9" }', "[scale] params", "speed"),
        ('kind = "file"', 'kind = "usb"', "[printer.label] kind", "'tcp', 'file'"),
        ('profile = "zpl_203"', 'profile = "laser"', "[printer.label] profile", "tspl_203"),
        ('address = "192.0.2.7:9100"', 'address = "192.0.2.7"', "[printer.receipt] address", "like 192.0.2.7:9100"),
        ('profile = "escpos"', 'profile = "office_a4"', "[printer.receipt] profile", "it does not go with kind 'tcp'"),
        ('kind = "v4l2"', 'kind = "webcam"', "[camera] kind", "'v4l2', 'rpicam', 'picamera2', 'file', 'none'"),
        ("width = 1280", "mains_hz = 55", "[camera] mains_hz", "50 or 60"),
        ("width = 1280", "width = 3", "[camera] width", "160 to 8192"),
        ("baud = 115200", "baud = 0", "[scanner] baud", "300 to 230400"),
        ("baud = 115200", 'kind = "hid"', "[scanner] kind", "hid_pos"),
        ('port = "/dev/serial/by-id/usb-scanner"', 'port = ""', "[scanner] port", "must name a device"),
        *(
            ('company_prefix = "6901234"', f'company_prefix = "{prefix}"', "[codes] company_prefix", words)
            for prefix, words in (("690", "4 to 12 digits"), ("690123A", "4 to 12 digits"), ("2012345", "no company's"))
        ),
        *(
            ("items = { BADAM = 1, WALNUT = 2 }", f"items = {items}", "[codes] items", words)
            for items, words in (
                ("{ BADAM = 1, WALNUT = 1 }", "the same item reference"),
                ("{ BADAM = 100000 }", "5 digits are left"),
                ('{ BADAM = "1" }', "Expected `int`"),
            )
        ),
        *(
            (
                'link_domain = "id.example.org"',
                f'link_domain = "{domain}"',
                "[codes] link_domain",
                "like id.example.org",
            )
            for domain in ("https://id.example.org", "id.example.org/", "a b", "me@id.example.org")
        ),
        *(
            ('in_store = ["20IIIIIWWWWWC", "21IIIIIWWWWWPPPPPC"]', f"in_store = {rows}", "[codes] in_store", words)
            for rows, words in (
                ('["69IIIIIWWWWWC"]', "inside a shop"),
                ('["20IIIIIC"]', "13 or 18"),
                ('["20IIIIIWWWWWC", "20IIIIIPPPPPC"]', "same length and prefix"),
                ('"20IIIIIWWWWWC"', "Expected `array`"),
                ("[20]", "Expected `str`"),
            )
        ),
        (
            'broker_url = "mqtts://center.example:8883"',
            'broker_url = "http://x"',
            "[relay] broker_url",
            "mqtt://host:1883",
        ),
        ("reconnect_s = 2", 'software = "other"', "[relay] software", "is not a setting"),
        ("resend_s = 4", "resend_s = inf", "[relay] resend_s", "finite"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(path: Path, old: str, new: str, section: str, words: str) -> None:
    message = refusal(path, EVERYTHING.replace(old, new, 1))
    assert message.startswith(f":{line_of(old)}: {section}: ")
    assert re.search(words.replace(".", r"\."), message), message


def test_a_camera_that_scans_is_that_of_the_station(path: Path) -> None:
    scanner = 'port = "/dev/serial/by-id/usb-scanner"\nbaud = 115200'
    assert "port must be left out" in refusal(path, EVERYTHING.replace("baud = 115200", 'kind = "camera"'))
    by_camera = EVERYTHING.replace(scanner, 'kind = "camera"')
    assert "needs a camera" in refusal(path, by_camera.replace('kind = "v4l2"', 'kind = "none"'))
    path.write_text(by_camera, encoding="utf-8")
    assert load(path).scanner == ScannerSettings(kind="camera")


def test_what_cannot_be_set_of_a_printer_s_paper_is_named(subtests: pytest.Subtests, path: Path) -> None:
    for set_here, words in [
        ('flow = "dsr"', "'none', 'rtscts', 'dtr', 'xonxoff'"),
        ("baud = 300", "1200 to 921600"),
        ("density = 16", "density must be 0 to 15"),
        ("density = 8.5", "Expected `int"),
        ("gap_mm = 31", "gap_mm must be 0 to 30"),
        ("gap_mm = 0\nmark = true", "gap_mm must say how high the black mark is"),
        ("offset_x_mm = -1", "offset_x_mm and offset_y_mm must be 0 to 50"),
        ("speed_mm_s = 0", "speed_mm_s must be 1 to 600"),
        ("band_rows = 24", "is not a setting"),
    ]:
        with subtests.test(set_here=set_here, words=words):
            message = refusal(path, EVERYTHING.replace('profile = "zpl_203"', f'profile = "zpl_203"\n{set_here}', 1))
            assert "[printer.label]" in message
            assert words in message, message


def test_what_is_set_of_a_printer_s_paper_stands_in_place_of_the_profile_s(path: Path) -> None:
    text = 'profile = "zpl_203"\ngap_mm = 4\nmark = true\noffset_x_mm = 1.5\noffset_y_mm = 2\ndensity = 11\n'
    path.write_text(EVERYTHING.replace('profile = "zpl_203"', text + "cutter = true\nspeed_mm_s = 51", 1), "utf-8")
    row = load(path).printers["label"].resolved_profile()
    setup = row.setup
    assert (setup.gap_mm, setup.mark, setup.offset_mm) == (4, True, (1.5, 2))
    assert (setup.density, setup.cutter, setup.speed_ips) == (11, True, 2)
    assert (row.id, row.counts_labels, setup.head.width_dots) == ("zpl_203", True, 832)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("[station]", "region"),
        ("[scale]", "e_g"),
        ("[printer.label]", "profile"),
        ("[camera]", "path"),
        ("[relay]", "broker_url"),
    ],
)
def test_a_missing_key_is_named_with_the_line_of_its_section(path: Path, header: str, key: str) -> None:
    head, found, rest = EVERYTHING.partition(header)
    text = head + found + re.sub(rf"(?m)^{key} = .*\n", "", rest, count=1)
    assert refusal(path, text) == f":{line_of(header)}: {header}: {key} is missing"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: [station]: is missing"),
        ("station = 3\n", ":1: [station]: must be a table"),
        ("# nothing\n\nsation = 3\n", ":3: [sation]: is not a section; allowed are station, web, "),
        (SMALLEST + "[sensors]\n", ":5: [sensors]: is not a section; allowed are station, web, "),
        (SMALLEST + "[[scanner]]\nport = 'x'\n", ":5: [scanner]: must be a table"),
        (SMALLEST + "[printer.color]\n", ":5: [printer.color]: is not a printer; allowed are label, receipt"),
        (SMALLEST + "[printer]\nkind = 'tcp'\n", ":6: [printer] kind: is not a printer; allowed are label, receipt"),
        (SMALLEST + "[printer]\nlabel = 'tcp'\n", ":6: [printer.label]: must be a table"),
        ("printer = 3\n" + SMALLEST, ":1: [printer]: must be a table"),
        (SMALLEST + '"\\u001b[31m\\nx" = 1\n', ":1: [station] \\x1b[31m\\nx: is not a setting"),
        (SMALLEST + "[relay\n", ": is not TOML: "),
        (SMALLEST + "region = 'b'\n", ": is not TOML: "),
    ],
)
def test_a_file_that_is_wrong_as_a_whole(path: Path, text: str, message: str) -> None:
    assert refusal(path, text).startswith(message)


def test_bytes_that_are_no_text_and_a_file_that_is_not_there(path: Path) -> None:
    path.write_bytes(b"\xff\xfe[station]")
    with pytest.raises(BadConfig, match="is not TOML"):
        load(path)
    with pytest.raises(BadConfig, match=r"none\.toml: cannot be read: No such file"):
        load(path.with_name("none.toml"))
    with pytest.raises(BadConfig, match="cannot be read: Is a directory"):
        load(path.parent)


def test_a_value_from_the_file_cannot_color_the_terminal(path: Path) -> None:
    refusal(path, SMALLEST + '[scale]\nport="x"\nprotocol="\\u001b[2J\\u202e"\ne_g=5\nmax_g=60000\n')
