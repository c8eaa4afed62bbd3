"""One commune's citizens as columns, and how they become Arrow text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.households import ROLES
from scenarios.names import mail_names, names
from scenarios.types import Commune


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrays of equal length: one entry per citizen of `commune` in the order of their numbers, from `first` on.

    Codes of names and ethnicity are positions in scenarios.names.names(), roles in scenarios.households.ROLES, hamlets
    in Population.hamlets. `position` is that of the commune in the population.
    """

    commune: Commune
    position: int
    first: int
    cccd: NDArray[np.bytes_]  # S12
    family: NDArray[np.uint8]
    middle: NDArray[np.uint8]
    given: NDArray[np.uint16]
    male: NDArray[np.bool_]
    born: NDArray[np.int32]  # days since 1970
    phone: NDArray[np.bytes_]  # S10
    household: NDArray[np.uint32]  # number of its head
    role: NDArray[np.uint8]
    ethnicity: NDArray[np.uint8]
    hamlet: NDArray[np.uint16]
    e_id: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.cccd)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The columns by name, in a fixed order."""
        return {name: value for name in self.__slots__ if isinstance(value := getattr(self, name), np.ndarray)}


def arrow_table(columns: Columns, codes: tuple[str, ...], addresses: tuple[str, ...], first_address: int) -> Any:
    """A pyarrow.Table with one row per citizen and the fields of scenarios.types.Citizen.

    `codes` are those of all communes, `addresses` all addresses, those of this commune from `first_address` on: with
    the same dictionaries in every commune their tables go into one Arrow file.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table, (families, middles, givens) = names(), mail_names()

    def texts(values: NDArray[Any], by_code: tuple[str, ...]) -> Any:
        return pa.array(by_code, pa.string()).take(pa.array(values))

    def coded(values: NDArray[Any], by_code: tuple[str, ...]) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(values.astype(np.int32)), pa.array(by_code, pa.string()))

    number = pa.array(np.arange(columns.first, columns.first + len(columns), dtype=np.uint32))
    family, middle, given = columns.family, columns.middle, columns.given
    name = pc.binary_join_element_wise(
        texts(family, table.families), texts(middle, table.middles), texts(given, table.givens), " "
    )
    house = pc.binary_join_element_wise(texts(family, families), texts(middle, middles), "")
    mail = pc.binary_join_element_wise(texts(given, givens), house, number.cast(pa.string()), ".")
    return pa.table(
        {
            "number": number,
            "cccd": fixed_text(columns.cccd),
            "name": name,
            "male": pa.array(columns.male),
            "born": pa.array(columns.born).cast(pa.date32()),
            "phone": fixed_text(columns.phone),
            "email": pc.binary_join_element_wise(mail, pa.scalar("@congdan.test"), ""),
            "commune": coded(np.full(len(columns), columns.position), codes),
            "address": coded(columns.hamlet.astype(np.int32) + first_address, addresses),
            "household": pa.array(columns.household),
            "role": coded(columns.role, ROLES),
            "ethnicity": coded(columns.ethnicity, table.ethnicities),
            "e_id": pa.array(columns.e_id),
        }
    )


def fixed_text(column: NDArray[np.bytes_]) -> Any:
    """ASCII text of one width as an Arrow string column, without copying."""
    import pyarrow as pa

    offsets = np.arange(0, (len(column) + 1) * column.itemsize, column.itemsize, dtype=np.int32)
    data = np.ascontiguousarray(column)
    return pa.StringArray.from_buffers(len(column), pa.py_buffer(offsets), pa.py_buffer(data))
