"""Writes tiny registries below DIR, each with one package that says hello:
npm, pypi, debian, crates, go and maven, as directories for files.mjs. Usage: packages.py DIR"""
import base64, gzip, hashlib, io, json, os, subprocess, sys, tarfile, tempfile, zipfile

root = sys.argv[1]


def put(path, data):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def tar_gz(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in files.items():
            z.writestr(name, text)
    return out.getvalue()


def npm():
    package = {"name": "tiny-hello", "version": "1.0.0", "main": "index.js"}
    tgz = tar_gz({"package/package.json": json.dumps(package), "package/index.js": "module.exports = 'hello from npm';\n"})
    dist = {"tarball": "https://npm.test/tiny-hello/-/tiny-hello-1.0.0.tgz", "shasum": hashlib.sha1(tgz).hexdigest(),
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(tgz).digest()).decode()}
    put("npm/files/tiny-hello/index.html", json.dumps({"name": "tiny-hello", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {**package, "dist": dist}}}))
    put("npm/files/tiny-hello/-/tiny-hello-1.0.0.tgz", tgz)


def pypi():
    info = "tiny_hello-1.0.dist-info"
    wheel = zipped({"tiny_hello.py": "text = 'hello from pypi'\n", f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny-hello\nVersion: 1.0\n",
                    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n", f"{info}/RECORD": ""})
    name = "tiny_hello-1.0-py3-none-any.whl"
    put(f"pypi/files/packages/{name}", wheel)
    put("pypi/files/simple/tiny-hello/index.html", f'<a href="/packages/{name}#sha256={hashlib.sha256(wheel).hexdigest()}">{name}</a>')


def debian():
    with tempfile.TemporaryDirectory() as work:
        control = "Package: tiny-hello\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@example.com>\nDescription: says hello\n"
        os.makedirs(f"{work}/p/DEBIAN")
        os.makedirs(f"{work}/p/usr/share/tiny-hello")
        open(f"{work}/p/DEBIAN/control", "w").write(control)
        open(f"{work}/p/usr/share/tiny-hello/text", "w").write("hello from debian\n")
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", f"{work}/p", f"{work}/t.deb"], check=True, stdout=subprocess.DEVNULL)
        deb = open(f"{work}/t.deb", "rb").read()
    packages = control + f"Filename: ./tiny.deb\nSize: {len(deb)}\nSHA256: {hashlib.sha256(deb).hexdigest()}\n\n"
    put("debian/files/tiny.deb", deb)
    put("debian/files/Packages", packages)
    put("debian/files/Packages.gz", gzip.compress(packages.encode()))


def crates():
    crate = tar_gz({"tiny-hello-1.0.0/Cargo.toml": '[package]\nname = "tiny-hello"\nversion = "1.0.0"\nedition = "2021"\n',
                    "tiny-hello-1.0.0/src/lib.rs": 'pub const TEXT: &str = "hello from crates";\n'})
    put("crates/files/dl/tiny-hello/1.0.0/download", crate)
    put("crates/files/config.json", json.dumps({"dl": "https://crates.test/dl", "api": "https://crates.test"}))
    put("crates/files/ti/ny/tiny-hello", json.dumps({"name": "tiny-hello", "vers": "1.0.0", "deps": [], "cksum": hashlib.sha256(crate).hexdigest(), "features": {}, "yanked": False}) + "\n")


def go():
    at = "go/files/hello.test/tiny/@v"
    mod = "module hello.test/tiny\n\ngo 1.19\n"
    put(f"{at}/list", "v1.0.0\n")
    put(f"{at}/v1.0.0.info", json.dumps({"Version": "v1.0.0", "Time": "2026-01-01T00:00:00Z"}))
    put(f"{at}/v1.0.0.mod", mod)
    put(f"{at}/v1.0.0.zip", zipped({"hello.test/tiny@v1.0.0/go.mod": mod, "hello.test/tiny@v1.0.0/tiny.go": 'package tiny\n\nconst Text = "hello from go"\n'}))


def maven():
    pom = ('<project><modelVersion>4.0.0</modelVersion><groupId>test.hello</groupId><artifactId>parent</artifactId>'
           '<version>1.0</version><packaging>pom</packaging></project>\n')
    at = "maven/files/test/hello/parent/1.0/parent-1.0.pom"
    put(at, pom)
    put(f"{at}.sha1", hashlib.sha1(pom.encode()).hexdigest())


for make in (npm, pypi, debian, crates, go, maven):
    make()
