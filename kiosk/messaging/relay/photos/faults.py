"""Why a picture does not get to the sorting center, as the words people see."""

from __future__ import annotations

from enum import StrEnum


class PhotoFault(StrEnum):
    """The lane goes on with the other pictures; one of these is tried again after a day."""

    FORBIDDEN = "forbidden"  # The certificate is not this station's, or the center does not let it in
    SIZE = "size"  # The center was told another size than the picture has
    PART_TOO_LARGE = "part_too_large"
    # The center got other bytes than their hash says, again and again, or no plain JPEG: it is damaged here.
    CONTENT = "content"
    MISSING = "missing"  # The picture is not in the station's folder
    NOT_ANNOUNCED = "not_announced"  # The center has been without the event of this picture for a long time
    REFUSED = "refused"  # For another reason, which the relay's log names
    UNREACHABLE = "no_way"  # The center's photos lane cannot be reached at all
