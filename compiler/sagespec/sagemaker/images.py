"""Parse the address of an image in a private registry of Amazon ECR.

In: text. Out: its parts; None for images of other registries, and for text that is not an address.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ECR = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<domain>[a-z0-9.]+)"
    r"/(?P<repository>[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


class Image(NamedTuple):
    """An image of a repository, by its digest or its tag; the other is ''."""

    account: str
    region: str
    repository: str
    tag: str
    digest: str

    @property
    def id(self) -> dict[str, str]:
        """The image in the form of ECR's API."""
        return {"imageDigest": self.digest} if self.digest else {"imageTag": self.tag}


def parse(text: str) -> Image | None:
    """Parse an address; the digest takes precedence over the tag, and the default tag is `latest`."""
    match = _ECR.fullmatch(text)
    if match is None:
        return None
    digest = match["digest"] or ""
    tag = "" if digest else match["tag"] or "latest"
    return Image(match["account"], match["region"], match["repository"], tag, digest)
