"""What botocore makes of its own data about services, made once for all sessions of a process.

To read and wrap it anew was most of the time of a command that asks AWS little. It is the same for every session, and
nothing changes it; what depends on the environment is made for each client.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore import hooks, useragent
from botocore.client import ClientCreator
from botocore.compat import accepts_kwargs
from botocore.hooks import EventAliaser, HierarchicalEmitter


def share(replace: Callable[[Any, str, Any], None]) -> None:
    """Replace what makes models, by `setattr` or that of a fixture."""
    create_methods, load = ClientCreator._create_methods, ClientCreator._load_service_model
    aliased = functools.cache(EventAliaser(HierarchicalEmitter())._alias_event_name)
    models: dict[Any, Any] = {}
    methods: dict[Any, Any] = {}

    def model_of(creator: Any, service: str, version: str | None = None) -> Any:
        key = (creator._loader, service, version)
        if key not in models:
            models[key] = load(creator, service, version)
        return models[key]

    def methods_of(creator: Any, model: Any) -> Any:
        if model not in methods:
            methods[model] = create_methods(creator, model)
        return dict(methods[model])

    def takes_any_name(handler: Any) -> bool:
        code = getattr(handler, "__code__", None)
        return bool(code.co_flags & inspect.CO_VARKEYWORDS if code else accepts_kwargs(handler))

    replace(hooks, "accepts_kwargs", takes_any_name)  # asked of some hundred handlers for each session
    replace(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
    replace(ClientCreator, "_load_service_model", model_of)
    replace(ClientCreator, "_create_methods", methods_of)
    replace(EventAliaser, "_alias_event_name", lambda _, name: aliased(name))
    sanitized = functools.cache(useragent.sanitize_user_agent_string_component)
    replace(useragent, "sanitize_user_agent_string_component", sanitized)
