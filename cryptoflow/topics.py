"""The topics of a deployment: what they are to be, what they are, and making them so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import confluent_kafka
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the package exports them without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from cryptoflow import registry
from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError, ConfigError, IdentityError, StopError
from schemas import topics as md_topics

_HOUR_MS = 3_600_000
_CONTROL_RETENTION_MS = 24 * _HOUR_MS
_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class TopicSpec:
    """Say what a topic is to be. `settings` are the broker's own names and texts."""

    name: str
    partitions: int
    replication_factor: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TopicState:
    """Say what a topic is: `state` is ok, created, changed, missing or different."""

    name: str
    state: str
    partitions: int
    detail: str = ""

    def row(self) -> dict[str, object]:
        """Return the fields for printing."""
        return asdict(self)


def specs(settings: Settings) -> list[TopicSpec]:
    """Return every topic of the deployment: raw, md, state, control. Raises ImportError as the registry does."""
    kafka = settings.kafka
    largest = {"max.message.bytes": str(kafka.message_max_bytes), "compression.type": "producer"}

    def kept(hours: int) -> dict[str, str]:
        return {"cleanup.policy": "delete", "retention.ms": str(hours * _HOUR_MS), **largest}

    compacted = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.3",
        "segment.ms": str(_HOUR_MS),
        **largest,
    }
    control = {"cleanup.policy": "delete", "retention.ms": str(_CONTROL_RETENTION_MS)}
    wanted = [(kafka.raw_topic(name), kafka.partitions, kept(kafka.raw_retention_hours)) for name in exchanges()]
    wanted += [(kafka.md_topic(name), kafka.partitions, kept(kafka.md_retention_hours)) for name in sorted(md_topics())]
    wanted += [(kafka.state_topic(settings.agents.role), kafka.partitions, compacted)]
    wanted += [(kafka.control_topic("reseed"), 1, control)]
    # What people asked for is a table: the newest value of a key is kept for ever.
    wanted += [(kafka.control_topic(name), 1, compacted) for name in ("symbols", "replicas")]
    return [TopicSpec(name, count, kafka.replication_factor, values) for name, count, values in wanted]


def exchanges() -> list[str]:
    """Name every exchange of the registry."""
    return sorted(registry.load("exchanges", "EXCHANGE"))


def listed(settings: Settings) -> list[TopicState]:
    """Compare the broker's topics with what they are to be; changes nothing."""
    admin = _admin(settings)
    wanted = specs(settings)
    found = _partitions(admin)
    drifts = _drifts(admin, [spec for spec in wanted if spec.name in found])
    return [_state(spec, found, drifts) for spec in wanted]


def apply(settings: Settings) -> list[TopicState]:
    """Create missing topics and mend their settings.

    Partition counts are never changed, because keys and positions depend on them: a topic with
    another count raises IdentityError before anything is touched.
    """
    admin = _admin(settings)
    wanted = specs(settings)
    found = _partitions(admin)
    _refuse_other_counts(wanted, found)
    missing = [spec for spec in wanted if spec.name not in found]
    drifts = _drifts(admin, [spec for spec in wanted if spec.name in found])
    _create(admin, missing)
    _alter(admin, drifts)
    created = {spec.name for spec in missing}
    return [
        TopicState(
            spec.name,
            "created" if spec.name in created else "changed" if drifts.get(spec.name) else "ok",
            spec.partitions,
            _words(drifts.get(spec.name, {})),
        )
        for spec in wanted
    ]


def _refuse_other_counts(wanted: list[TopicSpec], found: Mapping[str, int]) -> None:
    others = [spec for spec in wanted if found.get(spec.name, spec.partitions) != spec.partitions]
    if others:
        first = others[0]
        raise IdentityError(
            f"applying topics: {first.name} has {found[first.name]} partitions, kafka.partitions asks for "
            f"{first.partitions} ({len(others)} such topics)",
            fix=f"set kafka.partitions: {found[first.name]}, or migrate to topics with a new kafka.prefix",
        )


def _state(spec: TopicSpec, found: Mapping[str, int], drifts: Mapping[str, Mapping[str, str]]) -> TopicState:
    count = found.get(spec.name)
    if count is None:
        return TopicState(spec.name, "missing", 0)
    if count != spec.partitions:
        return TopicState(spec.name, "different", count, f"{count} partitions, not {spec.partitions}")
    drift = drifts.get(spec.name, {})
    return TopicState(spec.name, "different" if drift else "ok", count, _words(drift))


def _words(drift: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(drift.items()))


def _admin(settings: Settings) -> AdminClient:
    if not settings.kafka.bootstrap_servers:
        raise ConfigError(
            "reaching the broker: kafka.bootstrap_servers is not set", fix="set it, or run `cryptoflow up`"
        )
    return AdminClient(settings.kafka.client())


def _partitions(admin: AdminClient) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=_TIMEOUT_S)
    except confluent_kafka.KafkaException as error:
        raise BrokerAwayError(
            f"reaching the broker: {error.args[0].str()}", fix="check kafka.bootstrap_servers and that it runs"
        ) from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _drifts(admin: AdminClient, present: list[TopicSpec]) -> dict[str, dict[str, str]]:
    """Return, per topic, the settings that are not as asked, with the value asked for."""
    if not present:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in present]
    futures = admin.describe_configs(resources, request_timeout=_TIMEOUT_S)
    by_name = {resource.name: future for resource, future in futures.items()}
    found: dict[str, dict[str, str]] = {}
    for spec in present:
        entries = _result(by_name[spec.name], f"describing {spec.name}")
        drift = {name: value for name, value in spec.settings.items() if entries[name].value != value}
        if drift:
            found[spec.name] = drift
    return found


def _create(admin: AdminClient, missing: list[TopicSpec]) -> None:
    if not missing:
        return
    new = [
        NewTopic(spec.name, spec.partitions, spec.replication_factor, config=dict(spec.settings)) for spec in missing
    ]
    for name, future in admin.create_topics(new, request_timeout=_TIMEOUT_S).items():
        try:
            future.result(_TIMEOUT_S)
        except confluent_kafka.KafkaException as error:
            # Another process may apply the same topics at this moment; the count is checked at its start.
            if error.args[0].code() != confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS:
                raise StopError(f"creating topic {name}: {error.args[0].str()}") from error


def _alter(admin: AdminClient, drifts: Mapping[str, Mapping[str, str]]) -> None:
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in drift.items()
            ],
        )
        for topic, drift in drifts.items()
    ]
    if resources:
        for resource, future in admin.incremental_alter_configs(resources, request_timeout=_TIMEOUT_S).items():
            _result(future, f"changing settings of {resource.name}")


def _result(future: object, doing: str) -> dict[str, ConfigEntry]:
    try:
        return dict(future.result(_TIMEOUT_S) or {})  # type: ignore[attr-defined]  # an untyped future of confluent-kafka
    except confluent_kafka.KafkaException as error:
        raise StopError(f"{doing}: {error.args[0].str()}") from error
