#!/usr/bin/python3
"""Bad input at every service: a 4xx in the service's own envelope with a request id, and nothing changed.

Needs a node that is up; OS_CLIENT_CONFIG_FILE names its clouds.yaml. Counts every resource before and after.
"""
import http.client
import json
import os
import sys
import unittest
import urllib.parse

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import openstack  # noqa: E402

UNKNOWN = "11111111-2222-4333-8444-555555555555"


class Service:
    def __init__(self, cloud, kind, collection, member, envelope, body):
        self.kind, self.collection, self.member, self.envelope, self.body = kind, collection, member, envelope, body
        self.endpoint = cloud.session.get_endpoint(service_type=kind, interface="public").rstrip("/")

    def __str__(self):
        return self.kind

    def request(self, method, path, body=None, token=None, headers=None):
        """Raw, so that no client library mends what we send. Gives status, headers, body."""
        url = urllib.parse.urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        sent = {"Content-Type": "application/json"}
        if token is not None:
            sent["X-Auth-Token"] = token
        sent.update(headers or {})
        try:
            connection.request(method, url.path + path, body=body, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()


def envelope_identity(body):
    return {"code", "title", "message"} <= set(body["error"])


def envelope_compute(body):
    (fault,) = body.values()
    return {"code", "message"} <= set(fault)


def envelope_network(body):
    return {"type", "message", "detail"} <= set(body["NeutronError"])


def envelope_image(body):
    return "message" in body


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = openstack.connect(cloud=os.environ.get("OS_CLOUD", "hanok"))
        cls.token = cls.cloud.auth_token
        # What a volume or image request looks like when it is right, so that one wrong thing is the only wrong thing.
        cls.services = [
            Service(cls.cloud, "identity", "/v3/projects", "/v3/projects/", envelope_identity,
                    lambda name: {"project": {"name": name}}),
            Service(cls.cloud, "compute", "/servers", "/servers/", envelope_compute,
                    lambda name: {"server": {"name": name, "flavorRef": "1", "imageRef": UNKNOWN, "networks": "none"}}),
            Service(cls.cloud, "network", "/v2.0/networks", "/v2.0/networks/", envelope_network,
                    lambda name: {"network": {"name": name}}),
            Service(cls.cloud, "volumev3", "/volumes", "/volumes/", envelope_compute,
                    lambda name: {"volume": {"name": name, "size": 1}}),
            Service(cls.cloud, "image", "/v2/images", "/v2/images/", envelope_image, lambda name: {"name": name}),
        ]
        for service in cls.services:
            if service.kind == "identity" and service.endpoint.endswith("/v3"):
                service.endpoint = service.endpoint[: -len("/v3")]

    def counts(self):
        return {
            "projects": len(list(self.cloud.identity.projects())),
            "servers": len(list(self.cloud.compute.servers(all_projects=True))),
            "networks": len(list(self.cloud.network.networks())),
            "volumes": len(list(self.cloud.block_storage.volumes(all_projects=True))),
            "images": len(list(self.cloud.image.images())),
        }

    def setUp(self):
        self.before = self.counts()

    def tearDown(self):
        self.assertEqual(self.before, self.counts(), "bad input changed something")

    def refused(self, service, statuses, method, path, body=None, token="", headers=None):
        status, answer_headers, text = service.request(
            method, path, body, self.token if token == "" else token, headers)
        where = f"{service} {method} {path[:80]}"
        self.assertIn(status, statuses, f"{where}: {text[:300]}")
        self.assertTrue(
            answer_headers.get("X-Openstack-Request-Id", "").startswith("req-"), f"{where}: no request id")
        try:
            self.assertTrue(service.envelope(json.loads(text)), f"{where}: {text[:300]}")
        except (ValueError, KeyError, TypeError) as error:
            self.fail(f"{where}: not the service's envelope ({error!r}): {text[:300]}")
        for secret in (self.token, "sqlite", "SELECT ", "/var/lib", ".cc:"):
            self.assertNotIn(secret, text, f"{where}: the answer leaks")

    def test_not_json(self):
        for service in self.services:
            for body in ("{", "nonsense", '{"a": }', "\xff".encode("latin-1"), "[1, 2]", '"text"', "[" * 100000):
                with self.subTest(service=str(service), body=str(body)[:20]):
                    self.refused(service, {400}, "POST", service.collection, body)

    def test_wrong_types(self):
        for service in self.services:
            right = service.body("x")
            # An empty object is a right request for an image: all its properties are optional.
            nothing = [{}, {"unknown": {}}] if service.kind != "image" else []
            for wrong in (*nothing, *(self.spoil(right, value) for value in (5, ["x"], {"a": 1}, True))):
                with self.subTest(service=str(service), body=str(wrong)[:60]):
                    self.refused(service, {400}, "POST", service.collection, json.dumps(wrong))

    @staticmethod
    def spoil(right, value):
        """The right request with a name of the wrong type."""
        if "name" in right:
            return {**right, "name": value}
        ((key, inner),) = right.items()
        return {key: {**inner, "name": value}}

    def test_name_of_ten_kilobytes(self):
        for service in self.services:
            with self.subTest(service=str(service)):
                self.refused(service, {400}, "POST", service.collection, json.dumps(service.body("n" * 10240)))

    def test_body_over_one_mebibyte(self):
        for service in self.services:
            with self.subTest(service=str(service)):
                self.refused(service, {413}, "POST", service.collection, json.dumps(service.body("n" * (1 << 20))))

    def test_unknown_ids(self):
        for service in self.services:
            for wrong in (UNKNOWN, "no-such-thing", "%00", "x" * 1000, "..%2f..%2fetc%2fpasswd", "'%20OR%201=1--"):
                for method in ("GET", "DELETE"):
                    with self.subTest(service=str(service), id=wrong[:20], method=method):
                        self.refused(service, {400, 404}, method, service.member + wrong)

    def test_wrong_and_missing_tokens(self):
        for service in self.services:
            for token in (None, "wrong", "gAAAAA" + "A" * 200, self.token[:-2] + "xx", "t" * 8000):
                with self.subTest(service=str(service), token=str(token)[:8]):
                    self.refused(service, {401}, "GET", service.collection, token=token)

    def test_a_token_of_the_past(self):
        """A revoked token is as good as an expired one for the client; expiry itself has its unit tests."""
        own = openstack.connect(cloud=os.environ.get("OS_CLOUD", "hanok"))
        token = own.auth_token
        own.session.delete("/v3/auth/tokens", endpoint_filter={"service_type": "identity"},
                           endpoint_override=self.services[0].endpoint, headers={"X-Subject-Token": token})
        for service in self.services:
            with self.subTest(service=str(service)):
                self.refused(service, {401}, "GET", service.collection, token=token)

    def test_no_such_path_and_no_such_method(self):
        for service in self.services:
            with self.subTest(service=str(service)):
                status, headers, _ = service.request("GET", "/no/such/path", token=self.token)
                self.assertEqual(status, 404)
                self.assertTrue(headers.get("X-Openstack-Request-Id", "").startswith("req-"))
                status, headers, _ = service.request("PATCH", service.collection, "{}", self.token)
                self.assertIn(status, (404, 405))


class OtherProjects(unittest.TestCase):
    """A member of another project sees nothing of ours, and cannot touch it."""

    def test_resources_of_another_project(self):
        cloud = openstack.connect(cloud=os.environ.get("OS_CLOUD", "hanok"))
        tag = f"foreign{os.getpid()}"
        project = cloud.identity.create_project(name=tag)
        user = cloud.identity.create_user(name=tag, password=tag + "-secret", default_project_id=project.id)
        network = cloud.network.create_network(name=tag)
        volume = cloud.block_storage.create_volume(name=tag, size=1)
        try:
            cloud.identity.assign_project_role_to_user(project, user, cloud.identity.find_role("member"))
            foreign = openstack.connect(
                load_yaml_config=False, load_envvars=False, auth_url=cloud.config.get_auth_args()["auth_url"], username=tag, password=tag + "-secret",
                project_name=tag, user_domain_id="default", project_domain_id="default",
                region_name=cloud.config.region_name)
            self.assertNotIn(network.id, [n.id for n in foreign.network.networks()])
            self.assertNotIn(volume.id, [v.id for v in foreign.block_storage.volumes()])
            for service, path in (("network", f"/v2.0/networks/{network.id}"), ("volumev3", f"/volumes/{volume.id}")):
                base = foreign.session.get_endpoint(service_type=service, interface="public").rstrip("/")
                for method in ("GET", "DELETE"):
                    answer = foreign.session.request(base + path, method, raise_exc=False)
                    self.assertEqual(answer.status_code, 404, f"{method} {service}: {answer.text}")
            self.assertIsNotNone(cloud.network.find_network(network.id))
        finally:
            cloud.block_storage.wait_for_status(volume, "available", ["error"], interval=0.2, wait=30)
            cloud.block_storage.delete_volume(volume)
            cloud.network.delete_network(network)
            cloud.identity.delete_user(user)
            cloud.identity.delete_project(project)


if __name__ == "__main__":
    unittest.main(verbosity=2)
