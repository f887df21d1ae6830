"""The columns of the three kinds of table that the sandbox answers with, and how it declares them.

Names and types are those that MAST declares for its CAOM observations, CAOM products and JWST keyword tables. Ids are
declared strings although the JSON values are numbers, as MAST does. The rows themselves are the catalogue's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = Mapping[str, Value]

_VOTABLE = {"string": "char", "float": "double", "int": "int", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: MAST's spelling.
        type: ``string``, ``float``, ``int`` or ``boolean``: the types that MAST declares in an answer.
        separator: What joins several values in one cell, where the column may hold several.
    """

    name: str
    type: str
    separator: str | None

    def declaration(self) -> dict[str, str]:
        """The column as the ``columnsconfig`` service describes it.

        A client takes ``double`` columns as continuous (asked for by a range) and all others as discrete.
        """
        declared = {"text": self.name, "type": self.type, "vot.datatype": _VOTABLE[self.type]}
        return declared if self.separator is None else {**declared, "separator": self.separator}


Columns: TypeAlias = Mapping[str, Column]


def _columns(names: str, *, joined: str = "", **types: str) -> Columns:
    """Columns in the order of ``names``; ``types`` gives the names of those that are no strings."""
    type_of = {name: kind for kind, listed in types.items() for name in listed.split()}
    several = set(joined.split())
    return {name: Column(name, type_of.get(name, "string"), ";" if name in several else None) for name in names.split()}


OBSERVATIONS = _columns(
    "intentType obs_collection provenance_name instrument_name project filters wave_region target_name "
    "target_classification obs_id s_ra s_dec dataproduct_type proposal_pi calib_level t_min t_max t_exptime "
    "wavelength_region em_min em_max obs_title t_obs_release proposal_id proposal_type sequence_number s_region "
    "jpegURL dataURL dataRights mtFlag srcDen obsid objID wave_min wave_max",
    joined="obs_collection instrument_name filters wavelength_region wave_region",
    float="s_ra s_dec t_min t_max t_exptime em_min em_max t_obs_release srcDen wave_min wave_max",
    int="calib_level sequence_number",
    boolean="mtFlag",
)

PRODUCTS = _columns(
    "obsID obs_collection dataproduct_type obs_id description type dataURI productType productGroupDescription "
    "productSubGroupDescription productDocumentationURL project prvversion proposal_id productFilename size "
    "parent_obsid dataRights calib_level filters",
    joined="obs_collection filters",
    int="size calib_level",
)

KEYWORDS = _columns(
    "ArchiveFileID filename fileSetName productLevel instrume detector exp_type program observtn visit fileSize "
    "checksum date_mjd cal_ver crds_ctx sdp_ver asntable publicReleaseDate_mjd ingestCompletionDate_mjd isRestricted "
    "isStale",
    float="date_mjd publicReleaseDate_mjd ingestCompletionDate_mjd",
    int="ArchiveFileID fileSize",
    boolean="isRestricted isStale",
)
