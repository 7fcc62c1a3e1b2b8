"""Read from an editor's settings which environment projects are checked in.

In: what an editor sends as settings, or is asked for. Out: the name of an environment, or None where it says none.
"""

from __future__ import annotations

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

SECTION = "sagespec"


def environment(settings: object) -> str | None:
    """Return the environment of initialization options, or of the section of the settings."""
    found = settings.get("environment") if isinstance(settings, dict) else None
    return found if isinstance(found, str) and found else None


async def current(server: LanguageServer, sent: object = None) -> object:
    """Return the section from the settings that were sent; where it is not in them, as the editor answers."""
    if isinstance(sent, dict) and SECTION in sent:
        return sent[SECTION]
    knows = server.client_capabilities.workspace
    if not (knows and knows.configuration):
        return None
    params = types.ConfigurationParams([types.ConfigurationItem(section=SECTION)])
    try:
        answer = await server.workspace_configuration_async(params)
    except JsonRpcException:
        return None
    return answer[0] if answer else None
