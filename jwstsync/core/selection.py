"""What a manifest selects from the archive's answers: one `Selected` a product, and why the others are left.

The answers come from the archive adapter, as rows in any order and with repetitions. What follows for lockfile and disk
is decided in `plan`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from jwstsync.core.caom import JWST, LARGEST_SIZE, PLANNED, is_public
from jwstsync.core.keywords import plain_or_unknown, question_about, rows_by_name
from jwstsync.core.layout import UNKNOWN, ProductPath, is_file_name, product_path
from jwstsync.errors import UnsafeNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jwstsync.core.caom import KeywordRow, Observation, ProductRow
    from jwstsync.core.keywords import KeywordQuestion
    from jwstsync.core.manifest import Manifest, NamedRule, ProposalBlock

_LONGEST_URI = 1000


@dataclass(frozen=True, slots=True)
class Listing:
    """What the archive lists for one proposal: its observations, and the product rows of those asked for.

    They are asked for some at a time; ``thin`` says that one of the answers had no row.
    """

    proposal: int
    observations: Sequence[Observation]
    rows: Sequence[ProductRow]
    thin: bool = False


@dataclass(slots=True, unsafe_hash=True, kw_only=True)  # changed by nobody, as the archive's records
class Selected:
    """One product that the manifest selects, as the archive states it now.

    Attributes:
        uri: The product's name in the archive.
        path: Where it belongs below the root.
        proposal: The smallest id that selects it.
        size: The stated size in bytes; not always that of the bytes served. The listing's, else the keywords'.
        md5: The archive's checksum, from the keywords.
        cal_ver: The pipeline version, from the keywords, else the listing.
        listed_ver: The pipeline version that the listing gives.
        crds_ctx: The CRDS context, from the keywords.
        public: Whether anybody may download it.
        released_at: When it is or was public, MJD.
        stale: Whether it waits to be made anew in the archive.
        carried: Whether this is what is locked, for want of an answer.
        obs_id: The observation that it is listed under.
    """

    uri: str
    path: ProductPath
    proposal: int
    size: int | None = None
    md5: str | None = None
    cal_ver: str | None = None
    listed_ver: str | None = None
    crds_ctx: str | None = None
    public: bool = True
    released_at: float | None = None
    stale: bool = False
    carried: bool = False
    obs_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A product that is selected and can not be taken, because of its name or what else the archive states.

    Attributes:
        uri: The product's name in the archive; where that gives none, its file name and observation.
        proposal: The smallest id that selects it.
        error: Why, for people.
        public: Whether anybody may download it, which counts where it is locked.
        released_at: When it is or was public, MJD.
        nameless: Whether the URI can be none, so that nobody knows which product it is.
    """

    uri: str
    proposal: int
    error: str
    public: bool = True
    released_at: float | None = None
    nameless: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """What the manifest selects now.

    Attributes:
        products: The selected products by URI.
        refused: What is selected and can not be taken.
        listed: How many product rows each proposal lists, repetitions included, by the answers that came.
        uris: Every URI that was listed, selected or not.
        failed: The proposals whose query failed, with the error.
        complete: The proposals of which every executed observation was asked for its products, and all of these named.
        unsure: The proposals that list something under no name, which may be any of their products.
        empty: The proposals that list no executed observation, or no product of those asked for.
        thin: The proposals of which one query for products brought none, though others did.
        idle_rules: The rules of include and exclude that take no listed product anywhere, though something is listed.
        asking: Who can tell more of the selected FITS files: the files by URI, with their names.
        warnings: What could not be found out, for people.
        kept_at: When the oldest of the answers came, in seconds since 1970, where they were kept; None for fresh ones.
    """

    products: Mapping[str, Selected]
    refused: Sequence[Refused] = ()
    listed: Mapping[int, int] = field(default_factory=dict)
    uris: frozenset[str] = frozenset()
    failed: Mapping[int, str] = field(default_factory=dict)
    complete: frozenset[int] = frozenset()
    unsure: frozenset[int] = frozenset()
    empty: frozenset[int] = frozenset()
    thin: frozenset[int] = frozenset()
    idle_rules: tuple[str, ...] = ()
    asking: Mapping[KeywordQuestion, Mapping[str, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    kept_at: float | None = None


def executed(observations: Iterable[Observation]) -> list[Observation]:
    """The JWST observations among these that were executed."""
    return [row for row in observations if row.obs_collection == JWST and row.calib_level != PLANNED]


def groups_to_ask(manifest: Manifest, proposal: int, observations: Iterable[Observation]) -> list[int]:
    """The group ids whose products some block of ``proposal`` needs, in ascending order."""
    taken = [block.observations.takes for block in blocks_of(manifest, proposal)]
    return sorted({row.group_id for row in executed(observations) if any(takes(row) for takes in taken)})


def select(manifest: Manifest, listings: Iterable[Listing], failed: Mapping[int, str]) -> Selection:
    """What ``manifest`` selects from these listings.

    Args:
        manifest: What the user wrote.
        listings: The archive's answers, in any order.
        failed: The proposals that have no listing, because their query failed, with the error.
    """
    answers = sorted(map(with_names, listings), key=lambda listing: listing.proposal)
    rows = first_rows(row for listing in answers for row in listing.rows)
    parents = {row.group_id: row for listing in answers for row in listing.observations}
    selected_by: dict[str, int] = {}
    for listing in map(with_file_names, answers):
        for uri in taken_uris(manifest, listing):
            selected_by.setdefault(uri, listing.proposal)
    template = manifest.destination.layout
    outcomes = [_checked(rows[uri], selected_by[uri], parents, template) for uri in sorted(selected_by)]
    products = {product.uri: product for product in outcomes if isinstance(product, Selected)}
    refused = tuple(product for product in outcomes if isinstance(product, Refused))
    unsure = {one.proposal for one in refused if one.nameless}
    return Selection(
        products=products,
        refused=refused,
        listed={listing.proposal: len(listing.rows) for listing in answers},
        uris=frozenset(rows),
        failed=dict(failed),
        complete=frozenset(listing.proposal for listing in answers if _asked_for_all(manifest, listing)) - unsure,
        unsure=frozenset(unsure),
        empty=frozenset(listing.proposal for listing in answers if _is_empty(manifest, listing)),
        thin=frozenset(listing.proposal for listing in answers if listing.rows and listing.thin),
        idle_rules=tuple(_idle_rules(manifest, answers)),
        asking=_asking(products.values(), rows, parents),
    )


def with_names(listing: Listing) -> Listing:
    """The listing with what stands in for a URI, and can be none, in each row that has none."""
    if all(row.data_uri for row in listing.rows):
        return listing
    rows = [row if row.data_uri else replace(row, data_uri=_instead_of_uri(row)) for row in listing.rows]
    return replace(listing, rows=rows)


def with_file_names(listing: Listing) -> Listing:
    """The listing with the name that a URI ends in for each row whose file name is none.

    So a rule on names takes the product, which is then refused for its name, rather than missed and dropped.
    """
    rows = listing.rows
    odd = [number for number, row in enumerate(rows) if not is_file_name(row.filename)]
    if not odd:
        return listing
    mended = list(rows)
    for number in odd:
        mended[number] = replace(rows[number], filename=rows[number].data_uri.rpartition("/")[2])
    return replace(listing, rows=mended)


def _instead_of_uri(row: ProductRow) -> str:
    return f"{row.filename or 'a product'} of {row.obs_id or f'group {row.group_id}'} (no dataURI)"


def _asking(
    products: Iterable[Selected], rows: Mapping[str, ProductRow], parents: Mapping[int, Observation]
) -> dict[KeywordQuestion, dict[str, str]]:
    asking: dict[KeywordQuestion, dict[str, str]] = {}
    for product in products:
        row = rows[product.uri]
        parent = parents.get(row.parent_group_id)
        proposal = _own_proposal(row.proposal_id) or product.proposal
        question = question_about(row.filename, parent.instrument_name if parent else None, proposal)
        if question is not None:
            asking.setdefault(question, {})[product.uri] = row.filename.casefold()
    return asking


@lru_cache  # there are few
def _own_proposal(proposal_id: str | None) -> int | None:
    return int(proposal_id) if proposal_id and proposal_id.isascii() and proposal_id.isdigit() else None


def described(
    selection: Selection,
    answers: Mapping[KeywordQuestion, Iterable[KeywordRow]],
    failed: Mapping[KeywordQuestion, str],
    *,
    checksums: bool = True,
) -> Selection:
    """The selection with what the keyword services say of its products.

    Args:
        selection: What the listings alone say.
        answers: The rows that came.
        failed: The questions that were not answered, with the error; of these products less is known.
        checksums: Whether the archive's checksums are looked at.
    """
    products, unknown = dict(selection.products), 0
    for question, rows in answers.items():
        known = rows_by_name(rows)
        for uri, name in selection.asking[question].items():
            if name in known:
                products[uri] = _with_keywords(products[uri], known[name], checksums=checksums)
            else:
                unknown += 1
    warnings = (*selection.warnings, *_unanswered(selection, failed), *_unknown(unknown))
    return replace(selection, products=products, warnings=warnings)


def _with_keywords(product: Selected, row: KeywordRow, *, checksums: bool) -> Selected:
    return Selected(  # field by field: `replace` takes five times as long
        uri=product.uri,
        path=product.path,
        proposal=product.proposal,
        size=row.size if product.size is None else product.size,
        md5=row.md5 if checksums else None,
        cal_ver=row.cal_ver or product.cal_ver,
        listed_ver=product.listed_ver,
        crds_ctx=row.crds_ctx,
        public=product.public,
        released_at=product.released_at if row.released_at is None else row.released_at,
        stale=bool(row.stale),
        carried=product.carried,
        obs_id=product.obs_id,
    )


def _unanswered(selection: Selection, failed: Mapping[KeywordQuestion, str]) -> Iterator[str]:
    if failed:
        first, *others = failed.values()
        more = f" (and {len(others)} more)" if others else ""
        count = sum(len(selection.asking[question]) for question in failed)
        yield f"{first}{more}; {count} products are compared by stated size and version"


def _unknown(count: int) -> Iterator[str]:
    if count:
        yield f"{count} FITS products have no keywords in the archive; they are compared by stated size and version"


def blocks_of(manifest: Manifest, proposal: int) -> Iterator[ProposalBlock]:
    """The manifest's blocks for a proposal."""
    return (block for block in manifest.blocks if proposal in block.ids)


def _asked_for_all(manifest: Manifest, listing: Listing) -> bool:
    asked = groups_to_ask(manifest, listing.proposal, listing.observations)
    return len(asked) == len({row.group_id for row in executed(listing.observations)})


def _is_empty(manifest: Manifest, listing: Listing) -> bool:
    """Whether nothing is listed although something was asked for; a rule that takes no observation asks for nothing."""
    asked = groups_to_ask(manifest, listing.proposal, listing.observations)
    return not listing.rows and (bool(asked) or not executed(listing.observations))


def taken_uris(manifest: Manifest, listing: Listing) -> set[str]:
    """The products that any block takes."""
    taken: set[str] = set()
    for block in blocks_of(manifest, listing.proposal):
        rows = rows_of(block, listing)
        taken |= _uris(rows, block.include) - _uris(rows, block.exclude)
    return taken


def _idle_rules(manifest: Manifest, answers: Sequence[Listing]) -> list[str]:
    """The rules that take nothing, of those whose proposals all answered."""
    listed = {listing.proposal: listing for listing in answers}
    idle: dict[str, bool] = {}
    for block in manifest.blocks:
        listings = [listed[proposal] for proposal in block.ids if proposal in listed]
        rows = [row for listing in listings for row in rows_of(block, listing)]
        unsure = len(listings) < len(block.ids) or not rows
        for named in (*block.include, *block.exclude):
            if idle.get(named.label, True):
                idle[named.label] = not unsure and not any(named.rule.takes(row) for row in rows)
    return [label for label, takes_nothing in idle.items() if takes_nothing]


def rows_of(block: ProposalBlock, listing: Listing) -> list[ProductRow]:
    """The rows that the block's observations list."""
    groups = {row.group_id for row in executed(listing.observations) if block.observations.takes(row)}
    return [row for row in listing.rows if row.parent_group_id in groups]


def _uris(rows: Sequence[ProductRow], rules: Sequence[NamedRule]) -> set[str]:
    """The products that any of the rules takes by any of their rows."""
    return {row.data_uri for named in rules for row in rows if named.rule.takes(row)}


def first_rows(rows: Iterable[ProductRow]) -> dict[str, ProductRow]:
    """One row for each product: of its repetitions the one with the smallest parent, whatever their order."""
    first: dict[str, ProductRow] = {}
    for row in rows:
        known = first.get(row.data_uri)
        if known is None or _rank(row) < _rank(known):
            first[row.data_uri] = row
    return first


def _rank(row: ProductRow) -> tuple[int, int, str]:
    return row.parent_group_id, row.group_id, repr(row)


def _checked(row: ProductRow, proposal: int, parents: Mapping[int, Observation], template: str) -> Selected | Refused:
    parent = parents.get(row.parent_group_id)
    public, released_at = is_public(row.data_rights), None if parent is None else parent.released_at
    nameless = _uri_problem(row.data_uri)
    if problem := nameless or _size_problem(row.size):
        return Refused(row.data_uri[:_LONGEST_URI], proposal, problem, public, released_at, nameless is not None)
    try:
        path = product_path(template, layout_values(row, proposal, parent))
    except UnsafeNameError as error:
        return Refused(row.data_uri, proposal, str(error), public, released_at)
    version = plain_or_unknown(row.cal_ver)
    return Selected(
        uri=row.data_uri,
        path=path,
        proposal=proposal,
        size=row.size,
        cal_ver=version,
        listed_ver=version,
        public=public,
        released_at=released_at,
        obs_id=row.obs_id,
    )


def _uri_problem(uri: str) -> str | None:
    good = uri.startswith("mast:") and uri.isprintable() and " " not in uri and len(uri) <= _LONGEST_URI
    return None if good else "expected a dataURI such as mast:JWST/product/..."


def _size_problem(size: int | None) -> str | None:
    good = size is None or 0 <= size <= LARGEST_SIZE
    return None if good else f"size {size}: expected a number of bytes"


def layout_values(row: ProductRow, proposal: int, parent: Observation | None) -> dict[str, str | int | None]:
    """The layout's fields for one product; the instrument's name is without its mode."""
    instrument = parent.instrument_name if parent is not None else None
    return {
        "obs_collection": row.obs_collection,
        "proposal_id": row.proposal_id or str(proposal),
        "obs_id": row.obs_id,
        "instrument_name": (instrument or UNKNOWN).partition("/")[0],
        "calib_level": row.calib_level,
        "productType": row.product_type,
        "productSubGroupDescription": row.product_subgroup,
        "filename": row.filename,
    }


def kind_of(filename: str) -> str:
    """What people call a product by the end of its name: ``cal``, ``i2d``, ``asn.json``, ``i2d.jpg``."""
    suffix = filename.rpartition("_")[2]
    return suffix.removesuffix(".fits")
