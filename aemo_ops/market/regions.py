"""Regions, interconnectors, and which sign of a flow is an import."""

from __future__ import annotations

REGIONS = ("NSW1", "QLD1", "SA1", "TAS1", "VIC1")
# Rooftop reports carried these until 2026; they are parts of QLD1 and TAS1, never to be summed with them.
SUB_REGIONS = ("QLDC", "QLDN", "QLDS", "TASN", "TASS")
INTERCONNECTORS = ("N-Q-MNSP1", "NSW1-QLD1", "T-V-MNSP1", "V-S-MNSP1", "V-SA", "VIC1-NSW1")

# region -> interconnector -> factor that turns AEMO's metered flow into "import is positive"
IMPORTS: dict[str, dict[str, int]] = {
    "NSW1": {"NSW1-QLD1": -1, "VIC1-NSW1": 1, "N-Q-MNSP1": -1},
    "QLD1": {"NSW1-QLD1": 1, "N-Q-MNSP1": 1},
    "VIC1": {"VIC1-NSW1": -1, "V-SA": -1, "V-S-MNSP1": -1, "T-V-MNSP1": 1},
    "SA1": {"V-SA": 1, "V-S-MNSP1": 1},
    "TAS1": {"T-V-MNSP1": -1},
}
