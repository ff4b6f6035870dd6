"""Pods of a synthetic cluster as servers send them: about 8 KB each, a third of it managedFields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from scripts.benchlib import names
from scripts.benchlib.names import PODS_ON_NODE, REPLICAS, Object, moment, namespace_of, pod_name, uid

_SECRET_EVERY = 25
"""Of so many pods, one has a password in a plain variable."""


def pods(count: int) -> Iterator[Object]:
    """Yields running pods with one container ``app`` each, in the order of their namespaces."""
    for number in range(count):
        name = pod_name(number)
        owner = f"worker-{number // REPLICAS:05d}"
        metadata = names.metadata(name, namespace_of(number), "Pod", number)
        metadata["labels"] = {
            "app": owner,
            "app.kubernetes.io/instance": owner,
            "app.kubernetes.io/name": "worker",
            "app.kubernetes.io/version": f"3.15.{number // REPLICAS % 7}",
            "pod-template-hash": uid("set", owner)[:10],
        }
        metadata["annotations"] = {
            "checksum/config": hashlib.sha256(owner.encode()).hexdigest(),
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "8080",
            "cni.projectcalico.org/podIP": f"{_address(number)}/32",
        }
        metadata["ownerReferences"] = [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": owner,
                "uid": uid("set", owner),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
        metadata["managedFields"] = _managed_fields(number)
        yield {"metadata": metadata, "spec": pod_spec(number), "status": _pod_status(number)}


def _address(number: int) -> str:
    return f"10.{128 + number // 65536}.{number // 256 % 256}.{number % 256}"


def pod_spec(number: int) -> Object:
    """Returns the spec of a pod with one container."""
    token = f"kube-api-access-{uid('token', number)[:5]}"
    user = "app" if number % _SECRET_EVERY else f"app:{uid('db', number)[:12]}"
    probe = {"timeoutSeconds": 5, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    return {
        "volumes": [
            {"name": "config", "configMap": {"name": f"worker-config-{number % 40}", "defaultMode": 420}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
            {
                "name": token,
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                        {
                            "configMap": {
                                "name": "kube-root-ca.crt",
                                "items": [{"key": "ca.crt", "path": "ca.crt"}],
                            }
                        },
                    ],
                    "defaultMode": 420,
                },
            },
        ],
        "containers": [
            {
                "name": "app",
                "image": f"registry.example.com/team/worker:3.15.{number // REPLICAS % 7}",
                "args": ["--config=/etc/worker/worker.yaml", "--v=2", f"--shard={number % 16}"],
                "ports": [
                    {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
                ],
                "env": [
                    {
                        "name": "POD_NAME",
                        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
                    },
                    {
                        "name": "POD_IP",
                        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}},
                    },
                    {"name": "LOG_LEVEL", "value": "info"},
                    {"name": "JAVA_OPTS", "value": "-Xms512m -Xmx1g -XX:+UseG1GC"},
                    {"name": "DATABASE_URL", "value": f"postgres://{user}@db:5432/conductor"},
                    {
                        "name": "DB_PASSWORD",
                        "valueFrom": {"secretKeyRef": {"name": "db-credentials", "key": "password"}},
                    },
                ],
                "resources": {"limits": {"memory": "1536Mi"}, "requests": {"cpu": "250m", "memory": "1Gi"}},
                "volumeMounts": [
                    {"name": "config", "mountPath": "/etc/worker", "readOnly": True},
                    {"name": "scratch", "mountPath": "/var/scratch"},
                    {
                        "name": token,
                        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                        "readOnly": True,
                    },
                ],
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, **probe},
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTP"}, **probe},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
                "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "worker",
        "serviceAccount": "worker",
        "nodeName": f"node-{number // PODS_ON_NODE:03d}",
        "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{condition}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for condition in ("not-ready", "unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def _pod_status(number: int) -> Object:
    image = f"registry.example.com/team/worker:3.15.{number // REPLICAS % 7}"
    return {
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": moment(number + 9)}
            for kind in (
                "PodReadyToStartContainers",
                "Initialized",
                "Ready",
                "ContainersReady",
                "PodScheduled",
            )
        ],
        "hostIP": f"10.0.{number // PODS_ON_NODE // 250}.{number // PODS_ON_NODE % 250}",
        "podIP": _address(number),
        "podIPs": [{"ip": _address(number)}],
        "startTime": moment(number),
        "containerStatuses": [
            {
                "name": "app",
                "state": {"running": {"startedAt": moment(number + 5)}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "image": image,
                "imageID": f"{image.partition(':')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}",
                "containerID": f"containerd://{hashlib.sha256(str(number).encode()).hexdigest()}",
                "started": True,
            }
        ],
        "qosClass": "Burstable",
    }


def _managed_fields(number: int) -> list[Object]:
    app = pod_spec(number)["containers"][0]
    container: Object = {f"f:{field}": _owned(value) for field, value in app.items()}
    for field, key in (("env", "name"), ("ports", "containerPort"), ("volumeMounts", "mountPath")):
        container[f"f:{field}"] = {
            ".": {},
            **{f'k:{{"{key}":{json.dumps(entry[key])}}}': _owned(entry) for entry in app[field]},
        }
    conditions: Object = {
        f'k:{{"type":"{condition["type"]}"}}': {
            ".": {},
            "f:lastProbeTime": {},
            "f:lastTransitionTime": {},
            "f:status": {},
            "f:type": {},
        }
        for condition in _pod_status(number)["conditions"]
    }
    spec: Object = {f"f:{field}": {} for field in pod_spec(number)}
    volumes = {f'k:{{"name":"{volume["name"]}"}}': _owned(volume) for volume in pod_spec(number)["volumes"]}
    labels = ("app", "app.kubernetes.io/instance", "app.kubernetes.io/name", "pod-template-hash")
    return [
        {
            "manager": "kube-controller-manager",
            "operation": "Update",
            "apiVersion": "v1",
            "time": moment(number),
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {
                    "f:generateName": {},
                    "f:annotations": {".": {}, "f:checksum/config": {}, "f:prometheus.io/scrape": {}},
                    "f:labels": {".": {}, **{f"f:{label}": {} for label in labels}},
                    "f:ownerReferences": {".": {}, f'k:{{"uid":"{uid("set", number // REPLICAS)}"}}': {}},
                },
                "f:spec": {
                    **spec,
                    "f:volumes": volumes,
                    "f:containers": {'k:{"name":"app"}': {".": {}, **container}},
                },
            },
        },
        {
            "manager": "kubelet",
            "operation": "Update",
            "apiVersion": "v1",
            "time": moment(number + 9),
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:status": {
                    "f:conditions": conditions,
                    "f:containerStatuses": {},
                    "f:hostIP": {},
                    "f:phase": {},
                    "f:podIP": {},
                    "f:podIPs": {".": {}, f'k:{{"ip":"{_address(number)}"}}': {".": {}, "f:ip": {}}},
                    "f:startTime": {},
                }
            },
            "subresource": "status",
        },
    ]


def _owned(value: Any) -> Object:
    """Returns the set of fields that a manager owns in ``value``, as managedFields write it."""
    if not isinstance(value, dict):
        return {}
    return {".": {}, **{f"f:{name}": _owned(member) for name, member in value.items()}}
