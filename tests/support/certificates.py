"""Certificates for tests of TLS, made by the command openssl."""

import os
import shutil
import ssl
import subprocess


class Authority:
    """One that signs. Its own certificate is `ca`, a file."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.ca, self.ca_key = self._path("ca.pem"), self._path("ca.key")
        self._make(self.ca, self.ca_key, name)

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1"):
        """The files of a certificate for `names`, and of its key."""
        cert, key = self._path(name + ".pem"), self._path(name + ".key")
        self._make(cert, key, name, "-CA", self.ca, "-CAkey", self.ca_key,
                   "-addext", "subjectAltName=" + names,
                   "-addext", "basicConstraints=critical,CA:FALSE")
        return cert, key

    def _path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def _make(cert, key, name, *more):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
             "/CN=" + name, "-out", cert, "-keyout", key, *more],
            check=True, capture_output=True, timeout=60)


def client(authority, cert=None, version=None):
    """What Python's ssl needs to dial one that `authority` signed."""
    context = ssl.create_default_context(cafile=authority.ca)
    if cert is not None:
        context.load_cert_chain(*cert)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def server(cert, authority=None, version=None):
    """What it needs to accept, with certificates of `authority`, if there is
    one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*cert)
    if authority is not None:
        context.load_verify_locations(authority.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def replace(files, by):
    """Puts other files in their places, each at once."""
    for old, new in zip(files, by):
        shutil.copy(new, old + ".new")
        os.rename(old + ".new", old)
