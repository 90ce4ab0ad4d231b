"""A folder of real files is served as NEMWEB would: its own tree, or a heap placed by the names."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from aemo_ops.clock import to_utc
from aemo_ops.errors import SettingsError
from aemo_ops.market.report import DISPATCH_SCADA
from aemo_ops.replica import Folder, Replica, Style

from .conftest import NOW, rows_of

CSV = 'C,NEMP.WORLD,X\r\nI,DISPATCH,UNIT_SCADA,1,DUID\r\nD,DISPATCH,UNIT_SCADA,1,A\r\nC,"END OF REPORT",4\r\n'
BARE = "PUBLIC_DISPATCHSCADA_202604201445_0000000513858071.CSV"
MMSDM = "Data_Archive/Wholesale_Electricity/MMSDM/2024/MMSDM_2024_08/MMSDM_Historical_Data_SQLLoader/DATA"
HASHED = "PUBLIC_ARCHIVE#DISPATCHPRICE#FILE01#202408010000.zip"


def put(path: Path, content: bytes, published: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    seconds = to_utc(published).timestamp()
    os.utime(path, (seconds, seconds))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    put(tmp_path / "Reports/CURRENT/Dispatch_SCADA" / BARE, CSV.encode(), NOW)
    put(tmp_path / MMSDM / HASHED.replace("#", "%23"), b"zip bytes", NOW - timedelta(days=600))
    return tmp_path


def test_a_bare_csv_is_listed_and_served_as_a_zip(
    tree: Path, served: Callable[..., Replica], visitor: requests.Session
) -> None:
    site = served(Folder(tree))
    zip_name = BARE.replace(".CSV", ".zip")
    listing = visitor.get(f"{site.url}{DISPATCH_SCADA.directory}").text
    answer = visitor.get(f"{site.url}{DISPATCH_SCADA.directory}{zip_name}")
    assert f" {len(answer.content)} <A HREF=" in listing
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == [BARE]
    assert rows_of(answer.content, "DISPATCH.UNIT_SCADA") == [{"DUID": "A"}]
    assert visitor.get(f"{site.url}{DISPATCH_SCADA.directory}{BARE}").status_code == 404


def test_a_file_copied_today_is_there_for_a_clock_that_plays_last_year(
    tree: Path, served: Callable[..., Replica], visitor: requests.Session
) -> None:
    site = served(Folder(tree), now=NOW - timedelta(days=365))
    zip_name = BARE.replace(".CSV", ".zip")
    page = visitor.get(f"{site.url}{DISPATCH_SCADA.directory}").text
    assert zip_name in page
    assert str((NOW - timedelta(days=365)).year) in page
    assert visitor.get(f"{site.url}{DISPATCH_SCADA.directory}{zip_name}").status_code == 200


@pytest.mark.parametrize("style", Style)
def test_a_hash_in_a_name_is_sent_escaped_once(
    tree: Path, served: Callable[..., Replica], visitor: requests.Session, style: Style
) -> None:
    site = served(Folder(tree), style=style)
    once = HASHED.replace("#", "%23")
    assert f'{once}">{HASHED}</A>' in visitor.get(f"{site.url}/{MMSDM}/").text
    assert visitor.get(f"{site.url}/{MMSDM}/{once}").content == b"zip bytes"
    assert visitor.get(f"{site.url}/{MMSDM}/{HASHED.replace('#', '%2523')}").status_code == 404


def test_every_directory_above_has_a_page(
    tree: Path, served: Callable[..., Replica], visitor: requests.Session
) -> None:
    site = served(Folder(tree))
    assert ">Reports</A>" in visitor.get(site.url).text
    assert ">CURRENT</A>" in visitor.get(f"{site.url}/Reports/").text
    assert ">2024</A>" in visitor.get(f"{site.url}/Data_Archive/Wholesale_Electricity/MMSDM/").text
    assert visitor.get(f"{site.url}/reports/").status_code == 404


def test_files_of_a_heap_are_placed_by_their_names(
    tmp_path: Path, served: Callable[..., Replica], visitor: requests.Session
) -> None:
    put(tmp_path / "saved" / BARE, CSV.encode(), NOW)
    put(tmp_path / "MMSDM_2024_08" / HASHED.replace("#", "%23"), b"zip bytes", NOW)
    put(tmp_path / "README.md", b"ours", NOW)
    site = served(Folder(tmp_path))
    assert visitor.get(f"{site.url}{DISPATCH_SCADA.directory}{BARE.replace('.CSV', '.zip')}").status_code == 200
    assert visitor.get(f"{site.url}/{MMSDM}/{HASHED.replace('#', '%23')}").status_code == 200
    assert visitor.get(f"{site.url}/README.md").status_code == 404


def test_no_path_leads_out_of_the_folder(tree: Path, served: Callable[..., Replica], visitor: requests.Session) -> None:
    put(tree.parent / "outside.zip", b"not ours", NOW)
    site = served(Folder(tree))
    assert visitor.get(f"{site.url}/Reports/%2e%2e/%2e%2e/outside.zip").status_code == 404


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        Folder(tmp_path / "nowhere")


@pytest.mark.real
def test_the_real_files_are_served(real: Path, served: Callable[..., Replica], visitor: requests.Session) -> None:
    site = served(Folder(real), now=datetime(2100, 1, 1))
    (scada,) = (real / "current").glob("*DISPATCHSCADA*.CSV")
    answer = visitor.get(f"{site.url}{DISPATCH_SCADA.directory}{scada.name.replace('.CSV', '.zip')}")
    assert len(rows_of(answer.content, "DISPATCH.UNIT_SCADA")) > 450
    assert "DISPATCHPRICE%23FILE01" in visitor.get(f"{site.url}/{MMSDM}/").text
