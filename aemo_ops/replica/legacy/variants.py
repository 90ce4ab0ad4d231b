"""What different years of the old collector did differently, and what its files were left with."""

from __future__ import annotations

from enum import StrEnum


class Variant(StrEnum):
    """Each is off unless named."""

    FIVE_OF_SIX = "five-of-six"  # scada30: the mean of (T-25, T]
    HALF_SUM = "half-sum"  # scada30: half the sum of five
    START_LABELLED = "start-labelled"  # scada30: the half hour that begins at T
    LAST_VALUE = "last-value"  # 30-minute files of this cycle's files only, which is mostly the last value
    NO_NEGATIVES = "no-negatives"  # scada5: negative values are dropped
    METERED_ONLY = "metered-only"  # transmission5: only meteredmwflow, the rest empty
    MICROSECONDS = "us"  # times as pandas 3 writes them
    EXTRA_COLUMNS = "extra-columns"  # rooftop30: quality_indicator, type, source_archive
    OFF_GRID = "off-grid"  # 30-minute files: five-minute rows among them
    SLOW_WRITE = "slow-write"  # a file is written in place, piece by piece: a reader or a kill finds it torn
    DEAF = "deaf"  # SIGTERM is ignored
    NO_GEN_INFO = "no-gen-info"  # gen_info.pkl is not written: it lies with the dashboard
