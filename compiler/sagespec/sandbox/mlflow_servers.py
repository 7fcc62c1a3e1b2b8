"""MLflow apps and tracking servers of an account, as SageMaker describes them; their content is in `mlflow`."""

from __future__ import annotations

from typing import Any

from sagespec.sandbox.service import CREATED, Region, ServiceError, matching, not_found, operation, page, select

_APP = ("Arn", "Name", "Status", "CreationTime", "LastModifiedTime", "MlflowVersion")
_SERVER = ("TrackingServerArn", "TrackingServerName", "CreationTime", "LastModifiedTime", "TrackingServerStatus")
_DEFAULT_VERSION = "3.10"


def seed(region: Region) -> None:
    """Create the default app."""
    default = region.facts.get("default_mlflow_app")
    if default:
        version = region.facts.get("default_mlflow_version") or _DEFAULT_VERSION
        add_app(region, default, {"AccountDefaultStatus": "ENABLED", "MlflowVersion": version})


def add(region: Region, arn: str) -> None:
    """Create an app or a tracking server of this ARN, unless it exists."""
    name = arn.rpartition("/")[2]
    if ":mlflow-app/" in arn and arn not in region.table("mlflow_apps"):
        add_app(region.at(CREATED), arn, {})
    elif ":mlflow-tracking-server/" in arn and name not in region.table("tracking_servers"):
        create_mlflow_tracking_server(region.at(CREATED), {"TrackingServerName": name})


def has(region: Region, arn: str) -> bool:
    """Return whether an app or a tracking server with this ARN exists."""
    servers = region.table("tracking_servers").values()
    return arn in region.table("mlflow_apps") or any(server["TrackingServerArn"] == arn for server in servers)


def add_app(region: Region, arn: str, given: dict[str, Any]) -> None:
    times = {"CreationTime": region.now(), "LastModifiedTime": region.now()}
    defaults = {
        "Name": arn.rpartition("/")[2],
        "MlflowVersion": _DEFAULT_VERSION,
        "AccountDefaultStatus": "DISABLED",
        "DefaultDomainIdList": [],
    }
    known = {name: value for name, value in given.items() if name != "Tags"}
    region.table("mlflow_apps")[arn] = {**defaults, **known, "Arn": arn, "Status": "Created", **times}
    region.table("tags")[arn] = list(given.get("Tags", ()))


@operation
def create_mlflow_app(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    arn = region.arn(f"mlflow-app/app-{region.new_id('mlflow app').upper()}")
    add_app(region, arn, request)
    return {"Arn": arn}


@operation
def list_mlflow_apps(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    apps, domain = region.table("mlflow_apps").values(), request.get("DefaultForDomainId")
    chosen = [
        app
        for app in matching(request, apps, "AccountDefaultStatus", "Status")
        if domain is None or domain in app["DefaultDomainIdList"]
    ]
    return page(request, [{k: app[k] for k in _APP} for app in chosen], "Summaries", default=10)


@operation
def describe_mlflow_app(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    app: dict[str, Any] | None = region.table("mlflow_apps").get(request["Arn"])
    if app is None:
        raise not_found(f"MLflow app {request['Arn']}")
    return app


@operation
def delete_mlflow_app(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    if region.table("mlflow_apps").pop(request["Arn"], None) is None:
        raise not_found(f"MLflow app {request['Arn']}")
    return {"Arn": request["Arn"]}


@operation
def create_mlflow_tracking_server(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    servers, name = region.table("tracking_servers"), request["TrackingServerName"]
    if name in servers:
        raise ServiceError("ResourceInUse", f"Tracking server {name} already exists.")
    arn = region.arn(f"mlflow-tracking-server/{name}")
    servers[name] = {
        "MlflowVersion": "3.0",
        **{key: value for key, value in request.items() if key not in ("Tags", "AutomaticModelRegistration")},
        "TrackingServerArn": arn,
        "TrackingServerStatus": "Created",
        "IsActive": "Active",
        "CreationTime": region.now(),
        "LastModifiedTime": region.now(),
    }
    region.table("tags")[arn] = list(request.get("Tags", ()))
    return {"TrackingServerArn": arn}


@operation
def describe_mlflow_tracking_server(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    return _server(region, request)


@operation
def list_mlflow_tracking_servers(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    servers = list(region.table("tracking_servers").values())
    chosen = select(request, servers, "TrackingServerName", "TrackingServerStatus")
    keys = (*_SERVER, "IsActive", "MlflowVersion")
    return page(request, [{k: s[k] for k in keys} for s in chosen], "TrackingServerSummaries", default=10)


@operation
def delete_mlflow_tracking_server(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    arn = _server(region, request)["TrackingServerArn"]
    del region.table("tracking_servers")[request["TrackingServerName"]]
    return {"TrackingServerArn": arn}


def _server(region: Region, request: dict[str, Any]) -> dict[str, Any]:
    server: dict[str, Any] | None = region.table("tracking_servers").get(request["TrackingServerName"])
    if server is None:
        raise not_found(f"tracking server {request['TrackingServerName']}")
    return server
