"""Every fault can be seen from outside, happens as often as it was told, and goes away."""

from __future__ import annotations

import io
import math
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests

from aemo_ops.errors import SettingsError
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS
from aemo_ops.replica import Fault, Faults, Kind, Outage, Replica, Shelf
from aemo_ops.replica.faults import PUBLICATION

from .conftest import NOW, rows_of


@pytest.fixture
def site(served: Callable[..., Replica]) -> Replica:
    return served()


@pytest.fixture
def file(site: Replica) -> str:
    """The URL of one SCADA file."""
    assert isinstance(site.site, Shelf)
    (p,) = site.site.publications(DISPATCH_SCADA, NOW.replace(minute=0))
    return site.url + p.path


def whole(body: bytes) -> bool:
    return len(rows_of(body, "DISPATCH.UNIT_SCADA")) > 400


@pytest.mark.parametrize("kind", ["403", "429", "500"])
def test_a_refusal_is_met_once_and_then_the_file_comes(
    site: Replica, file: str, visitor: requests.Session, kind: str
) -> None:
    site.faults.add(kind)
    refused = visitor.get(file)
    assert refused.status_code == int(kind)
    assert refused.headers["Content-Type"].startswith("text/html")
    assert ("Retry-After" in refused.headers) is (kind == "429")
    assert whole(visitor.get(file).content)


def test_retry_after_is_as_long_as_told(site: Replica, file: str, visitor: requests.Session) -> None:
    site.faults.add(Kind.TOO_MANY, amount=7)
    assert visitor.get(file).headers["Retry-After"] == "7"


def test_an_error_page_may_come_with_200(site: Replica, file: str, visitor: requests.Session) -> None:
    site.faults.add(Kind.HTML, times=2)
    for _ in range(2):
        answer = visitor.get(file)
        assert answer.status_code == 200
        assert b"Server Error" in answer.content
    assert whole(visitor.get(file).content)


def test_a_truncated_zip_is_a_whole_answer(site: Replica, file: str, visitor: requests.Session) -> None:
    size = len(visitor.get(file).content)
    site.faults.add(Kind.TRUNCATED)
    cut = visitor.get(file)
    assert int(cut.headers["Content-Length"]) == len(cut.content) < size
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(cut.content))
    assert whole(visitor.get(file).content)


def test_a_wrong_footer_is_all_that_is_wrong(site: Replica, file: str, visitor: requests.Session) -> None:
    good = visitor.get(file).content
    site.faults.add(Kind.FOOTER)
    bad = visitor.get(file).content
    lines, spoilt = (zipfile.ZipFile(io.BytesIO(b)) for b in (good, bad))
    before, after = (z.read(z.namelist()[0]).splitlines() for z in (lines, spoilt))
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]
    assert after[-1].startswith(b'C,"END OF REPORT",')


def test_a_body_may_be_reset_in_the_middle(site: Replica, file: str, visitor: requests.Session) -> None:
    site.faults.add(Kind.RESET)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _ = visitor.get(file).content
    assert whole(visitor.get(file).content)


def test_a_drip_takes_its_time(site: Replica, file: str, visitor: requests.Session) -> None:
    site.faults.add(Kind.DRIP, amount=0.002)
    started = time.monotonic()
    assert whole(visitor.get(file).content)
    assert time.monotonic() - started > 0.05


def test_a_drip_ends_with_the_site(site: Replica, file: str, visitor: requests.Session) -> None:
    site.faults.add(Kind.DRIP, amount=3600)
    started = time.monotonic()
    answer = visitor.get(file, stream=True)
    site.stopping.set()
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _ = answer.content
    assert time.monotonic() - started < 5


def test_an_empty_zip_stays_empty_and_is_listed_at_its_size(
    site: Replica, file: str, visitor: requests.Session
) -> None:
    name = file.rpartition("/")[2]
    site.faults.add(Kind.EMPTY, path=f"*{name}")
    for _ in range(2):
        body = visitor.get(file).content
        assert zipfile.ZipFile(io.BytesIO(body)).namelist() == []
    assert f' {len(body)} <A HREF="{DISPATCH_SCADA.directory}{name}"' in visitor.get(file[: -len(name)]).text


def test_a_lost_column_leaves_a_file_that_is_valid_in_itself(
    site: Replica, file: str, visitor: requests.Session
) -> None:
    site.faults.add(Kind.COLUMN)
    rows = rows_of(visitor.get(file).content, "DISPATCH.UNIT_SCADA")
    assert len(rows) > 400
    assert "SCADAVALUE" not in rows[0]
    assert {"SETTLEMENTDATE", "DUID", "LASTCHANGED"} == set(rows[0])


@pytest.mark.parametrize("kind", sorted(PUBLICATION))
def test_a_publication_fault_can_be_seen_on_the_page(
    site: Replica, file: str, visitor: requests.Session, kind: Kind
) -> None:
    directory, _, name = file.rpartition("/")
    stamp = name.split("_")[2]
    site.faults.add(kind, path=f"*_{stamp}_*", amount=60 if kind is Kind.LATE else 1)
    shown = visitor.get(f"{directory}/").text.count(f"_{stamp}_")
    in_one_line = 2  # in the link and in the text
    wanted = {Kind.LATE: 0, Kind.MISSING: 0, Kind.ABSENT: 0, Kind.DUPLICATE: 2, Kind.REVISED: 2}[kind]
    assert shown == wanted * in_one_line


def test_faults_may_be_limited_to_a_report(site: Replica, file: str, visitor: requests.Session) -> None:
    assert isinstance(site.site, Shelf)
    (other,) = site.site.publications(DISPATCHIS, NOW.replace(minute=0))
    site.faults.add("500", report="dispatchis")
    assert visitor.get(file).status_code == 200
    assert visitor.get(site.url + other.path).status_code == 500


def test_a_listing_is_spared_unless_its_path_is_named(site: Replica, visitor: requests.Session) -> None:
    site.faults.add("403")
    assert visitor.get(site.url + "/Reports/").status_code == 200
    site.faults.add("html", path="/Reports/")
    assert b"Server Error" in visitor.get(site.url + "/Reports/").content
    assert b"CURRENT" in visitor.get(site.url + "/Reports/").content


def test_an_outage_refuses_everything_until_it_is_over(site: Replica, file: str, visitor: requests.Session) -> None:
    site.faults.outage = Outage.REFUSE
    assert {visitor.get(url).status_code for url in (file, site.url)} == {403}
    site.faults.outage = Outage.CLOSE
    with pytest.raises(requests.ConnectionError):
        visitor.get(file)
    site.faults.clear()
    assert whole(visitor.get(file).content)


def test_the_same_files_have_the_fault_every_time_and_about_as_many_as_told() -> None:
    names = [f"{DISPATCH_SCADA.directory}{DISPATCH_SCADA.file_name(NOW, n)}" for n in range(2000)]
    chosen = [[f.meet(name) is not None for name in names] for f in (Faults.from_spec("403:0.1", 5) for _ in range(2))]
    assert chosen[0] == chosen[1]
    assert 150 < sum(chosen[0]) < 250
    assert chosen[0] != [Faults.from_spec("403:0.1", 6).meet(name) is not None for name in names]


def test_a_fault_is_met_so_many_times_for_each_url() -> None:
    faults = Faults.from_spec("500x2")
    assert [faults.meet("/a.zip") is not None for _ in range(3)] == [True, True, False]
    assert faults.meet("/b.zip") is not None
    always = Faults.from_spec("500x*")
    assert all(always.meet("/a.zip") for _ in range(10))


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("403", Fault(Kind.REFUSED)),
        ("late=12:0.05", Fault(Kind.LATE, 0.05, amount=12)),
        ("dispatch_scada/500:0.1x2", Fault(Kind.SERVER_ERROR, 0.1, "dispatch_scada", times=2)),
        ("429=30:.5x*", Fault(Kind.TOO_MANY, 0.5, times=math.inf, amount=30)),
    ],
)
def test_a_spec_says_the_same_as_the_fault(spec: str, fault: Fault) -> None:
    assert Faults.from_spec(f" {spec} ,").in_force == (fault,)


@pytest.mark.parametrize("spec", ["404", "late:five", "elsewhere/403", "403:0.1:2", "x3"])
def test_a_spec_that_cannot_be_read_is_an_error_that_names_it(spec: str) -> None:
    with pytest.raises(SettingsError, match=spec.partition("/")[0]):
        Faults.from_spec(f"500:0.1,{spec}")


def test_every_kind_has_a_delay_or_none() -> None:
    assert Faults.from_spec("late=30,revised=45:0.1").longest_delay() == timedelta(minutes=45)
    assert Faults().longest_delay() == timedelta(0)
