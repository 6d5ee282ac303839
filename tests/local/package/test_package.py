"""The deployed packages: only listed files, for the platform on which they run."""

import re
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from local.gateway import function_apps
from local.package import archive, contents, wheels
from local.package.__main__ import FOLDER, build
from local.package.target import HOST, LAMBDA, Target
from local.project import PROJECT

LARGEST_BYTES = 15_000_000
AARCH64 = 183
"""e_machine of an ELF header, https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html."""

OURS_BESIDE = {"functions/__init__.py", "run.sh"}
NAMES = function_apps.names()


@pytest.fixture(scope="session")
def packages() -> dict[str, Path]:
    """Return the zips for the cloud."""
    return build(LAMBDA)


def entries(package: Path) -> set[PurePosixPath]:
    """Return the files of a zip."""
    with zipfile.ZipFile(package) as opened:
        return {PurePosixPath(name) for name in opened.namelist()}


def test_a_package_holds_its_function_what_is_shared_and_the_dependencies(packages: dict[str, Path]) -> None:
    """It contains no other function, and no local code."""
    site = wheels.installed(LAMBDA, FOLDER / "wheels")
    of_dependencies = {path.name for path in site.iterdir()}
    for name, package in packages.items():
        own = f"functions/{name.replace('-', '_')}/"
        for place in entries(package):
            ours = str(place).startswith((own, "shared/")) or str(place) in OURS_BESIDE
            assert ours or place.parts[0] in of_dependencies, (name, place)
        assert {place.parts[0] for place in entries(package)} & {"local", "tests", "bench", "web"} == set()


@pytest.mark.parametrize("name", NAMES)
def test_what_starts_the_server_may_be_executed(packages: dict[str, Path], name: str) -> None:
    """The platform starts it as a program; no other file is executable."""
    with zipfile.ZipFile(packages[name]) as opened:
        modes = {info.filename: info.external_attr >> 16 for info in opened.infolist()}
    assert [place for place, mode in modes.items() if mode != 0o644] == ["run.sh"]
    assert modes["run.sh"] == 0o755


@pytest.mark.parametrize("name", NAMES)
def test_everything_of_ours_is_in_its_package(packages: dict[str, Path], name: str) -> None:
    """Every kind of file is in it, except pages for people: code, prompts and prices."""
    folder = PROJECT / "functions" / name.replace("-", "_")
    ours = [
        PurePosixPath(path.relative_to(PROJECT).as_posix())
        for root in (folder, PROJECT / "shared")
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    ]
    assert set(ours) <= entries(packages[name])


def size_without_bytecode(package: Path) -> int:
    """Return the bytes of a zip less those of its compiled files."""
    with zipfile.ZipFile(package) as opened:
        bytecode = [info.compress_size for info in opened.infolist() if info.filename.endswith(".pyc")]
    return package.stat().st_size - sum(bytecode)


def test_a_package_is_small(packages: dict[str, Path]) -> None:
    """The limit is 15 MB without bytecode, which depends on the building interpreter."""
    sizes = {name: size_without_bytecode(package) for name, package in packages.items()}
    assert {name: size for name, size in sizes.items() if size > LARGEST_BYTES} == {}


def test_machine_code_is_for_arm64_and_the_interpreter_of_the_cloud(packages: dict[str, Path]) -> None:
    """Every shared object is ELF for AArch64, and for CPython 3.13 or the stable ABI."""
    with zipfile.ZipFile(packages[NAMES[0]]) as opened:
        objects = [name for name in opened.namelist() if re.search(r"\.so(\.\d+)*$", name)]
        for name in objects:
            head = opened.read(name)[:20]
            assert head[:4] == b"\x7fELF", name
            assert int.from_bytes(head[18:20], "little") == AARCH64, name
            tag = re.search(r"\.(cpython-\d+|abi3)", name)
            assert tag is None or tag[1] in {"cpython-313", "abi3"}, name
    assert len(objects) > 5


def test_no_bytecode_of_another_interpreter_is_shipped(packages: dict[str, Path]) -> None:
    """No interpreter would read it; bytecode is shipped if the building interpreter is the cloud's."""
    shipped = {place.suffix for place in entries(packages[NAMES[0]])}
    assert (".pyc" in shipped) == LAMBDA.is_here


def test_what_the_platform_provides_is_not_shipped(packages: dict[str, Path]) -> None:
    """The runtime contains the AWS SDK."""
    tops = {place.parts[0] for place in entries(packages[NAMES[0]])}
    assert tops & {"boto3", "botocore", "awslambdaric"} == set()


def test_what_is_left_out_of_dependencies_is_in_none(packages: dict[str, Path]) -> None:
    """Every listed part existed in the dependencies: a part that a version no longer has is removed from the list."""
    installed = wheels.installed(LAMBDA, FOLDER / "wheels")
    for part in [*contents.UNUSED_PARTS, *map(PurePosixPath, contents.LEFT_OUT)]:
        metadata = f"{part}-*.dist-info"
        assert [*installed.glob(f"{part}/*"), *installed.glob(f"{part}.*"), *installed.glob(metadata)], part
        for package in packages.values():
            shipped = {str(place) for place in entries(package)}
            assert not [place for place in shipped if re.match(rf"{part}[/.]", place)], part


def test_the_same_contents_are_the_same_bytes(tmp_path: Path) -> None:
    """A zip that differs thus has other contents."""
    files = [(PurePosixPath("shared/errors.py"), PROJECT / "shared" / "errors.py")]
    for name in ("one.zip", "two.zip"):
        archive.write(tmp_path / name, files, compiled=True)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert len(entries(tmp_path / "one.zip")) == 2


def test_a_zip_is_written_again_only_when_its_contents_have_changed(tmp_path: Path) -> None:
    """The contents of the files decide, and whether the zip exists; the existing zip is not read."""
    source, path = tmp_path / "module.py", tmp_path / "one.zip"
    files = [(PurePosixPath("shared/module.py"), source)]

    def packed(*, compiled: bool = False) -> bool:
        path.write_bytes(b"as it was")
        archive.write(path, files, compiled=compiled)
        return path.read_bytes() != b"as it was"

    source.write_text("VALUE = 1")
    assert [packed(), packed()] == [True, False]
    source.write_text("VALUE = 2")
    assert [packed(), packed(), packed(compiled=True)] == [True, False, True]
    path.unlink()
    archive.write(path, files, compiled=True)
    assert len(entries(path)) == 2


def test_bytecode_is_shipped_for_an_interpreter_of_its_version_alone() -> None:
    """Python reads no .pyc of another version."""
    assert HOST.is_here
    assert not Target("other", "3.9", "x86_64").is_here


@pytest.mark.parametrize(
    ("place", "needed"),
    [
        ("openai/_client.py", True),
        ("aws_lambda_powertools/event_handler/api_gateway.py", False),
        ("pydantic/main.pyi", False),
        ("anyio/tests/test_x.py", False),
        ("tests/conftest.py", False),
        ("fastapi-0.165.0.dist-info/METADATA", True),
        ("fastapi-0.165.0.dist-info/licenses/LICENSE", True),
        ("fastapi-0.165.0.dist-info/RECORD", False),
        ("certifi/cacert.pem", True),
        ("httpx/_main.py", False),
        ("httpx/__pycache__/_main.cpython-313.pyc", False),
        ("httpx/_models.py", True),
        ("dns/resolver.py", False),
        ("dnspython-2.9.2.dist-info/licenses/LICENSE", False),
        ("email_validator/deliverability.py", False),
        ("email_validator/validate_email.py", True),
        ("multidict/_testcapi.cpython-313-aarch64-linux-gnu.so", False),
        ("multidict/_multidict.cpython-313-aarch64-linux-gnu.so", True),
        ("cffi/api.py", False),
        ("_cffi_backend.cpython-313-aarch64-linux-gnu.so", True),
        ("cffi-2.1.1.dist-info/licenses/LICENSE", True),
        ("pycparser/c_parser.py", False),
    ],
)
def test_what_no_import_reads_is_left_out_of_dependencies(tmp_path: Path, place: str, needed: bool) -> None:  # noqa: FBT001  # a column of the table
    """Tests, stubs and command lines are left out; licences and versions are kept."""
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).touch()
    shipped = {str(entry) for entry, _ in contents.of_function(NAMES[0].replace("-", "_"), tmp_path)}
    assert (place in shipped) == needed
