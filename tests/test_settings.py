"""Settings: each is taken for what was written, or refused by its name, with the place and what it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import set_key

from aemo_ops.cli import main
from aemo_ops.errors import SettingsError
from aemo_ops.settings import _VARIABLES, Settings, folder

PATHS = [name for name, (_, read, _) in _VARIABLES.items() if read is folder]
NUMBERS = [name for name, (_, read, _) in _VARIABLES.items() if read.__name__ in ("_positive", "_hour", "_port")]


def of(tmp_path: Path, **environment: str) -> Settings:
    return Settings.load({"AEMO_OPS_HOME": str(tmp_path / "home"), **environment}, tmp_path)


def in_file(tmp_path: Path, text: str) -> Settings:
    (tmp_path / ".env").write_text(text)
    return of(tmp_path)


def test_the_families_of_settings_are_all_of_them() -> None:
    assert {*PATHS, *NUMBERS, "NEMWEB_URL", "AEMO_DATASETS"} == set(_VARIABLES)


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:8080/mirror/nemweb/", "https://www.nemweb.com.au/Reports/CURRENT", "https://host//"),
        *(
            "https://host/?",
            "https://host?a=1",
            "https://host#top",
            "https://host/ ",
            "https://ho st",
            "https://host\n",
        ),
        *(
            "ftp://host",
            "nemweb",
            "www.nemweb.com.au",
            "https://",
            "https://host:0",
            "https://host:99999",
            "https://[::1",
        ),
        *("https://host:port", "file:///srv/nemweb"),
    ],
)
def test_an_address_that_is_not_the_site_alone_is_refused_by_its_name(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match=r"NEMWEB_URL=.* It should be an address such as https://www.nemweb.com.au"):
        of(tmp_path, NEMWEB_URL=address)


@pytest.mark.parametrize("address", ["https://www.nemweb.com.au", "http://127.0.0.1:8080/", "http://[::1]:5000"])
def test_the_address_of_a_site_is_taken_as_it_is(tmp_path: Path, address: str) -> None:
    assert of(tmp_path, NEMWEB_URL=address).nemweb_url == address


@pytest.mark.parametrize(
    "address",
    [
        *("https://canary1:canary2@host", "https://canary1:canary2@host/mirror", "https://canary1@host"),
        *("https://user:canary1/canary2@host", "https://user:canary1#canary2?canary3@host", "user:canary1@host"),
        *(
            "https://user:canary1",
            "https://host/?token=canary1",
            "https://host?a=b@c&token=canary1",
            "https://host#canary1",
        ),
        *("https://user:1canary1", "https://[canary1]:canary2@host", "https://user:canary1\u2100@host"),
    ],
)
@pytest.mark.parametrize("where", ["environment", "file"])
def test_no_secret_of_an_address_is_ever_repeated(
    tmp_path: Path, address: str, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AEMO_OPS_HOME", str(tmp_path / "home"))
    if where == "environment":
        monkeypatch.setenv("NEMWEB_URL", address)
    else:
        (tmp_path / ".env").write_text(f"NEMWEB_URL='{address}'\n")
    assert main(["status"]) == 2
    printed = capsys.readouterr()
    assert "NEMWEB_URL" in printed.err and "canary" not in printed.err + printed.out


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file:///srv/aemo", "is an address"),
        ("https://host/aemo", "is an address"),
        ("s3://bucket/aemo", "is an address"),
        ("smb:/server/aemo", "is an address"),
        ("/srv/ae\0mo", "control character"),
        ("/srv/aemo\n", "control character"),
        ("/srv/aemo\r", "control character"),
        (" /srv/aemo", "begins or ends with a space"),
        ("/srv/aemo ", "begins or ends with a space"),
        ('"/srv/aemo"', "its quotes are part of it"),
        ("$HOME/aemo", "was not filled in"),
        ("${HOME}/aemo", "was not filled in"),
        ("~nobody-of-this-name/aemo", "there is no such user"),
    ],
)
def test_a_path_that_is_something_else_is_refused_by_its_name(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    with pytest.raises(SettingsError, match=rf"{name}=.*\(from environment\): .*{reason}"):
        of(tmp_path, **{name: text})


@pytest.mark.parametrize(
    "text", ["/srv/My #1 drive/aemo", "/srv/a: b/c", "/srv/é 雪/$x", "/srv/👨‍👩‍👧\u00a0e\u0301", "/Volumes/My SSD/aemo"]
)
def test_a_path_of_odd_characters_is_taken_as_it_is(tmp_path: Path, text: str) -> None:
    assert of(tmp_path, AEMO_DATA_PATH=text).data_path == Path(text)
    assert in_file(tmp_path, f"# ours\n\nAEMO_DATA_PATH='{text}' # the SSD\n").data_path == Path(text)


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_a_hash_would_cut_off_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"\.env, line 3: {name} would be cut off .* mean /srv/My\. .*single quotes"
    ):
        in_file(tmp_path, f"# ours\n\nexport {name}=/srv/My #1 drive/aemo\nAEMO_OPS_PORT=5010\n")


def test_a_comment_after_what_is_no_path_is_a_comment(tmp_path: Path) -> None:
    settings = in_file(
        tmp_path, "AEMO_OPS_PORT=5011 # the page\nAEMO_DATASETS=prices5 # no more\nGEN_INFO_FILE= # none\n"
    )
    assert (settings.port, settings.datasets, settings.gen_info_file) == (5011, ("prices5",), None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("AEMO_DATA_PATH='/srv/aemo", "not NAME=value, or a quote is not closed"),
        ("AEMO_DATA_PATH /srv/aemo", "not NAME=value"),
        ("AEMO_DATA_PATH: /srv/aemo", "not NAME=value"),
        ("AEMO_DATA_PATH", "not NAME=value"),
        ("AEMO_DATA_PATH='/srv/'aemo", "not NAME=value"),
        ("AEMO_DATA_PATH=/srv/${NO_SUCH_NAME}/aemo", r"\$\{NO_SUCH_NAME\}, which is not set"),
    ],
)
def test_a_line_of_ours_that_cannot_be_understood_is_refused_and_not_passed_over(
    tmp_path: Path, line: str, reason: str
) -> None:
    with pytest.raises(SettingsError, match=rf"line 2: AEMO_DATA_PATH.*{reason}"):
        in_file(tmp_path, f"AEMO_OPS_PORT=5010\n{line}\n")


def test_lines_of_other_programs_are_theirs(tmp_path: Path) -> None:
    text = "\ufeffPASSWORD='not closed\nsome words\nSMTP_URL=smtp://a:b@host\nOLD_PATH=/a #b\nAEMO_OPS_PORT=5012\n"
    assert in_file(tmp_path, text).port == 5012


def test_a_variable_that_is_set_is_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD", "/Volumes/SSD")
    text = "BASE=/srv\nAEMO_DATA_PATH=${BASE}/aemo\nAEMO_OPS_MOVE_TO=${SSD}/${UNSET:-aemo}\n"
    settings = in_file(tmp_path, text)
    assert (settings.data_path, settings.move_to) == (Path("/srv/aemo"), Path("/Volumes/SSD/aemo"))


def test_what_a_program_quotes_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = '/srv/it\'s #1 "drive"/aemo'
    (tmp_path / ".env").touch()
    set_key(tmp_path / ".env", "AEMO_DATA_PATH", path)
    assert of(tmp_path).data_path == Path(path)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["4.5 min", "nan", "inf", "-1", "4_5", "4,5", "soon", "1e9", "0x10", "24:00", "5 10"])
def test_a_number_that_is_none_is_refused_by_its_name(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name}='{text}' \(from environment\): not .* It should be "):
        of(tmp_path, **{name: text})
    with pytest.raises(SettingsError, match=rf"{name}='{text}' \(from .*\.env, line 1\)"):
        in_file(tmp_path, f"{name}={text}\n")


@pytest.mark.parametrize(
    ("name", "text"), [("AEMO_HEAL_HOUR", "24"), ("AEMO_OPS_PORT", "5010.5"), ("AEMO_OPS_PORT", "0")]
)
def test_an_hour_or_a_port_beyond_its_range_is_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        of(tmp_path, **{name: text})


def test_the_doctor_refuses_a_folder_that_is_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AEMO_OPS_HOME", str(tmp_path / "home"))
    (tmp_path / ".env").write_text("AEMO_DATA_PATH=file:///srv/aemo\n")
    assert main(["doctor", "--offline"]) == 2
    assert "AEMO_DATA_PATH='file:///srv/aemo'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
