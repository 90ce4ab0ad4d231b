"""What looks like a secret is masked, wherever it stands in the words of another program; what does not stays readable."""

from __future__ import annotations

import shlex

import pytest

from aemo_ops.masking import masked, masked_command, masked_facts, masked_words

CANARY = "canary-7d41"
BEGIN = "-----BEGIN " + "PRIVATE KEY-----"
DRAWN = "q7Rk2Zx9Tn4Wb8Ly3Vc6"  # looks drawn by lot

SECRET_WORDS = [
    ["collector", f"--api-key={CANARY}"],
    ["collector", "--api-key", CANARY],
    ["collector", f"--apikey={CANARY} with a second word"],
    ["collector", "--password", f"{CANARY} two words"],
    ["collector", "--smtp-password", CANARY, "--interval", "270"],
    ["collector", "--dbPassword", CANARY],
    ["collector", "-p", CANARY],
    ["collector", "--token", CANARY],
    ["env", f"TOKEN={CANARY}", "collector"],
    ["env", f"AWS_SECRET_ACCESS_KEY={CANARY}", "collector"],
    ["bash", "-c", f"SMTP_PASSWORD='{CANARY} x' exec collector --token {CANARY} --all"],
    ["bash", "-c", f'collector --password "two {CANARY}"; true'],
    ["collector", "--url", f"https://someone:{CANARY}@example.org/data"],
    ["collector", "--url", f"https://{CANARY}@example.org/data"],
    ["collector", "--url", f"postgresql://someone:{CANARY}@db.example.org:5432/nem"],
    ["collector", f"--url=https://example.org/data?from=2026&token={CANARY}"],
    ["collector", f"https://example.org/data?key={CANARY}&x=1"],
    ["collector", f"https://example.org/blob?sv=2024-11-04&sig={CANARY}%3D"],
    ["collector", f"https://someone:{CANARY}@example.org/?token={CANARY}", "--name", "x y"],
    ["bash", "-c", f"TOKEN={CANARY}", "--password", f"two words {CANARY}"],
    ["bash", "-c", f"run --token {CANARY}", "--password", f"two words {CANARY}"],
    ["collector", f"--api-key={CANARY}", "--mirror", f"https://someone:{CANARY}@example.org/?token={CANARY}"],
    ["curl", "-H", f"Authorization: Bearer {CANARY}", "https://example.org"],
    ["curl", "-H", f"X-Api-Key: {CANARY}", "https://example.org"],
    ["curl", "-u", f"someone:{CANARY}", "https://example.org"],
    ["collector", DRAWN],
    ["collector", f"--account={DRAWN}"],
    ["collector", "AKIA" + "CANARY7D41CANARY"],
    ["collector", "AC" + "0123456789abcdef" * 2],
    ["collector", "0123456789abcdef" * 4],
    ["collector", "ghp_" + DRAWN],
    ["collector", f"https://hooks.example.org/services/T01/B02/{DRAWN}"],
]


@pytest.mark.parametrize("command", SECRET_WORDS, ids=lambda words: " ".join(words)[:60])
def test_no_secret_of_a_command_line_is_left_and_its_program_is(command: list[str]) -> None:
    secrets = [CANARY, DRAWN, "CANARY7D41", "0123456789abcdef", "second word", "two words"]
    for shown in (
        masked_command(command),
        masked(masked_command(command)),
        masked(shlex.join(command)),
    ):
        if command[-1] == "0123456789abcdef" * 4 and shown == shlex.join(command):
            continue  # in a text it may be a file's digest
        assert not [secret for secret in secrets if secret in shown], shown
        assert "***" in shown and shown.startswith(command[0])
    assert masked(masked_command(command)) == masked_command(command)
    assert len(masked_words(command)) == len(command)


HARMLESS = [
    ["python", "-m", "aemo_updater.collectors.unified_collector", "--interval", "270", "/data/Mobile Documents/AEMO_spot"],
    ["/opt/miniconda3/envs/aemo2026/bin/python3.11", "/opt/tools/run_unified_collector.py", "--quiet", "--port", "5006"],
    ["python", "gen_dash.py", "--address", "127.0.0.1", "-p", "5008", "--data=/data/AEMO spot/data 2"],
    ["uv", "run", "aemo-combined-update", "--since", "2026-04-20T12:00:00", "--log", "/var/log/aemo/2026-04-20.log"],
    ["bash", "-c", "cd '/data/AEMO spot' && exec python update_spot.py > /tmp/update_spot.log 2>&1"],
    ["collector", "--url", "https://www.nemweb.com.au/Reports/Current/DispatchIS_Reports/"],
    ["collector", "PUBLIC_DISPATCHIS_202604201205_0000000412345678.zip"],
    ["collector", "--password-file", "/etc/collector/password", "--keep", "7", "--tokens-per-minute", "3"],
    ["ssh", "-p", "2222", "git@github.com:someone/aemo-updater.git"],
    ["mkdir", "-p", "data/backup"],
    ["systemctl", "--user", "disable", "--now", "aemo-collector.service"],
    ["collector", "--columns", "settlementdate,regionid,rrp", "--grid=30min", "--name", "x86_64-unknown-linux-gnu"],
    ["/var/folders/zz/zyxvpxvq6csfxvn0n0000000000000/T/collector", "/nix/store/q7rk2zx9tn4wb8ly3vc6q7rk2zx9tn4w-python/bin"],
]  # fmt: skip


@pytest.mark.parametrize("command", HARMLESS, ids=lambda words: " ".join(words)[:60])
def test_a_command_line_without_a_secret_comes_through_unchanged(command: list[str]) -> None:
    assert masked_words(command) == tuple(command)
    assert masked(shlex.join(command)) == masked_command(command) == shlex.join(command)


@pytest.mark.parametrize(
    "text",
    [
        "prices5.parquet: there, 1,234 bytes, 24 rows, 2026-04-20 10:05 to 2026-04-20 12:00",
        "no token is needed; the key is (settlementdate, regionid); a password is never asked for",
        "/data/prices5.parquet is a3f9c2d17b60e8aa4455a3f9c2d17b60e8aa4455a3f9c2d17b60e8aa4455bbcc by its sha256",
        "/repo: main at 0123456789ab, 3 paths not committed",
        "write /home/.env, the old one kept in /ssd/backup/settings: - DATA_DIR='/old place'",
        "*/5 * * * * cd /opt/tools && python3 run_unified_collector.py",
        "primary key: settlementdate, duid; basic information; bearer of news",
        "https://www.nemweb.com.au/Reports/Current/ answered 503: read timed out (port 443)",
        "process 4711, python unified_collector, in /data; ended with exit code=2 and status code: 503",
        "PublishedModelDataDispatchUnitScada5MinuteIntervals",
    ],
)
def test_plain_words_numbers_paths_and_digests_come_through_unchanged(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"*/5 * * * * TOKEN={CANARY} /opt/run.sh", "*/5 * * * * TOKEN=*** /opt/run.sh"),
        (f"5 * * * * K_TOKEN='a {CANARY}' run --p x", "5 * * * * K_TOKEN=*** run --p x"),
        (f"fatal: https://{CANARY}@github.com/o/r.git", "fatal: https://***@github.com/o/r.git"),
        (f"NEMWEB_URL='http://me:{CANARY}@host/x' (from environment)", "NEMWEB_URL='http://***@host/x' (from environment)"),
        (f"NEMWEB_URL='me:{CANARY}@host.example.org' is", "NEMWEB_URL='***@host.example.org' is"),
        (f"http://me:a/b{CANARY}@host/x", "http://***@host/x"),
        (f"HTTPConnectionPool(host='h'): /x?token={CANARY} (Caused by", "HTTPConnectionPool(host='h'): /x?token=*** (Caused by"),
        (f'{{"api_key": "{CANARY}", "port": "5006"}}', '{"api_key": "***", "port": "5006"}'),
        (f"{{'password': '{CANARY}'}}", "{'password': '***'}"),
        (f"the password: {CANARY} was wrong", "the password: *** was wrong"),
        (f"Authorization: Token {CANARY}", "Authorization: ***"),
        (f"{BEGIN}\n{CANARY}\n-----END PRIVATE KEY-----\nend", "***\nend"),
    ],
)  # fmt: skip
def test_only_the_secret_of_a_text_is_masked_and_masking_again_changes_nothing(text: str, shown: str) -> None:
    assert masked(text) == shown == masked(shown)


def test_facts_are_masked_in_every_depth_and_keep_their_numbers_and_keys() -> None:
    facts = {"collectors": [{"command": ["run", "--password", CANARY], "identity": {"pid": 7}, "stop": [f"PIN={CANARY}"]}],
             "at": None}  # fmt: skip
    assert masked_facts(facts) == {
        "collectors": [{"command": ["run", "--password", "***"], "identity": {"pid": 7}, "stop": ["PIN=***"]}],
        "at": None,
    }
