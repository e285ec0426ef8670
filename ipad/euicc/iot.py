"""What an IoT eUICC does for its eIMs, and a consumer eUICC does not (SGP.32 5.9).

The procedures work with `IotFunctions`. An IoT card has them itself (`OnCard`); for a consumer card somebody
stands in. Whatever both kinds of card have (notifications, profiles, downloads) is in `es10b` and `es10c`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ipad.euicc import es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import EimConfiguration, PackageResult, ProfileInfo


class IotFunctions(Protocol):
    """The functions of ES10b that are about eIMs, packages, rollback and fallback; see `es10b` for each.

    They raise what those raise: EuiccRefused with the standard's names, DecodeError, ModemErrors.
    """

    def profiles(self) -> tuple[ProfileInfo, ...]:
        """All profiles; the one that a fallback enables has `fallback` set."""
        ...

    def eim_configurations(self) -> tuple[EimConfiguration, ...]: ...

    def add_initial_eim(self, configurations: Sequence[bytes]) -> tuple[int | None, ...]: ...

    def load_euicc_package(self, package: bytes) -> PackageResult: ...

    def package_results(self, seq: int | None = None) -> tuple[PackageResult, ...]: ...

    def remove_result(self, seq: int) -> bool: ...

    def profile_rollback(self) -> PackageResult | None: ...

    def execute_fallback(self) -> None: ...

    def return_from_fallback(self) -> None: ...


@dataclass(frozen=True, slots=True)
class OnCard:
    """An IoT card's own."""

    isdr: Isdr

    def profiles(self) -> tuple[ProfileInfo, ...]:
        return es10c.profiles(self.isdr)

    def eim_configurations(self) -> tuple[EimConfiguration, ...]:
        return es10b.eim_configurations(self.isdr)

    def add_initial_eim(self, configurations: Sequence[bytes]) -> tuple[int | None, ...]:
        return es10b.add_initial_eim(self.isdr, configurations)

    def load_euicc_package(self, package: bytes) -> PackageResult:
        return es10b.load_euicc_package(self.isdr, package)

    def package_results(self, seq: int | None = None) -> tuple[PackageResult, ...]:
        return es10b.package_results(self.isdr, seq=seq)

    def remove_result(self, seq: int) -> bool:
        return es10b.remove_notification(self.isdr, seq)

    def profile_rollback(self) -> PackageResult | None:
        return es10b.profile_rollback(self.isdr)

    def execute_fallback(self) -> None:
        es10b.execute_fallback(self.isdr)

    def return_from_fallback(self) -> None:
        es10b.return_from_fallback(self.isdr)
