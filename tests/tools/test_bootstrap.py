# SPDX-License-Identifier: Apache-2.0
"""The set-up does each thing once, and whatever stops it ends in one sentence with a next step."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bootstrap import __main__ as command
from tools.bootstrap import install, lock, node_tools, project, steps
from tools.bootstrap.failure import SetupError, explain, explain_os_error
from tools.bootstrap.steps import Step, run_steps

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty checkout with an environment folder."""
    monkeypatch.setattr(steps, "ROOT", tmp_path)
    monkeypatch.setattr(steps, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(steps, "CACHE", tmp_path / ".cache")
    monkeypatch.setattr(steps, "LOG", tmp_path / ".cache" / "setup.log")
    monkeypatch.setattr(steps, "STAMPS", tmp_path / ".venv" / "stamps.json")
    (tmp_path / ".venv").mkdir()
    return tmp_path


def step(ran, name="one", fingerprint="a", done=True, fails=None, disk_mib=0):
    def run():
        if fails:
            raise fails
        ran.append(name)

    return Step(name, f"Make {name}", lambda: fingerprint, run, lambda: done, disk_mib)


def test_run_steps__second_run__does_nothing_and_says_nothing(checkout, capsys):
    ran = []
    run_steps([step(ran, "one"), step(ran, "two")])
    assert ran == ["one", "two"]
    assert "[2/2] Make two" in capsys.readouterr().out

    run_steps([step(ran, "one"), step(ran, "two")])
    assert ran == ["one", "two"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("change", [{"fingerprint": "b"}, {"done": False}])
def test_run_steps__input_changed_or_result_gone__does_it_again(checkout, change):
    ran = []
    run_steps([step(ran)])
    run_steps([step(ran, **change)])
    assert ran == ["one", "one"]


def test_run_steps__step_fails__later_run_goes_on_there(checkout):
    ran = []
    with pytest.raises(SetupError, match="Make two: broken"):
        run_steps([step(ran, "one"), step(ran, "two", fails=SetupError("broken", "mend it"))])
    run_steps([step(ran, "one"), step(ran, "two")])
    assert ran == ["one", "two"]


def test_run_steps__disk_too_small__stops_before_the_first_step(checkout, monkeypatch):
    monkeypatch.setattr(
        steps.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 5 * 2**20)
    )
    ran = []
    with pytest.raises(SetupError, match=r"5 MiB are free .* needs about 6 MiB"):
        run_steps([step(ran, "one", disk_mib=2), step(ran, "two", disk_mib=4)])
    assert ran == []


def test_run_steps__system_call_says_disk_full__one_sentence(checkout):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(SetupError, match="Make one: the disk is full"):
        run_steps([step([], fails=full)])


def test_call__program_fails__cause_and_log(checkout):
    (checkout / ".cache").mkdir()
    words = [sys.executable, "-c", "print('npm error code ENOTFOUND'); raise SystemExit(1)"]
    with pytest.raises(SetupError, match="registry cannot be reached"):
        steps.call(words)
    assert "ENOTFOUND" in steps.LOG.read_text()


def working_until_seen(words, checkout, monkeypatch):
    """A program that says one line, and ends once a heartbeat has shown the start of it."""
    seen = checkout / "seen"

    def show(line, **how):
        print(line, **how)
        if words[:9] in line:
            seen.touch()

    monkeypatch.setattr(steps, "_HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(steps, "print", show, raising=False)
    wait = f"while not os.path.exists({str(seen)!r}): time.sleep(0.01)"
    return [sys.executable, "-c", f"import os, time\nprint({words!r}, flush=True)\n{wait}"]


def test_call__silent_program__shows_that_it_still_works(checkout, monkeypatch, capsys):
    (checkout / ".cache").mkdir()
    steps.call(working_until_seen("downloading x", checkout, monkeypatch))
    assert re.search(r"\d s  downloading x", capsys.readouterr().out)


def test_call__long_line_of_a_program__never_wraps(checkout, monkeypatch, capsys):
    (checkout / ".cache").mkdir()
    monkeypatch.setenv("COLUMNS", "80")
    steps.call(working_until_seen("x" * 200, checkout, monkeypatch))
    beats = capsys.readouterr().out.splitlines()
    assert any("xxx" in beat for beat in beats)
    assert max(map(len, beats)) < 80


@pytest.mark.parametrize(
    "output, fact",
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("npm error code ENOSPC", "disk is full"),
        ("Temporary failure in name resolution", "cannot be reached"),
        ("urllib3.exceptions.ReadTimeoutError: Read timed out.", "cannot be reached"),
        ("npm error network request to the registry failed", "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "differs"),
        ("npm error code EINTEGRITY", "differs"),
        ("SSLError(SSLCertVerificationError: certificate verify failed: unable", "not trust"),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "not trust"),
        ("npm error code UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "not trust"),
        ("npm error strange\nnpm error A complete log of this run can be found in: /x", "strange"),
        ("ERROR: No matching distribution found for torch==2.13.0", "does not have a package"),
        ("error: command '/usr/bin/gcc' failed with exit code 1", "no compiler"),
        ("first\n  last words  \n\n", "last words"),
        ("", "it said nothing"),
    ],
)
def test_explain__output_of_a_program__names_the_cause(output, fact):
    error = explain(output)
    assert fact in error.fact
    assert error.next_step


def test_explain_os_error__folder_not_writable__says_which():
    error = explain_os_error(PermissionError(errno.EACCES, "denied", "/srv/x"))
    assert error.fact == "/srv/x cannot be written"


def test_check_integrity__other_bytes__refused(tmp_path):
    archive = tmp_path / "anvil.tgz"
    archive.write_bytes(b"not anvil")
    with pytest.raises(SetupError, match="differs from the one"):
        node_tools._check_integrity(archive, node_tools._ANVIL_INTEGRITY["linux-amd64"])


def test_anvil_platform__no_build__says_what_has_one(monkeypatch):
    monkeypatch.setattr(node_tools.platform, "machine", lambda: "riscv64")
    with pytest.raises(SetupError, match=r"no build for .* on riscv64"):
        node_tools._anvil_platform()


def test_npm__no_node_on_the_machine__comes_from_pypi(monkeypatch):
    called = []
    monkeypatch.setattr(node_tools.shutil, "which", lambda name: None)
    monkeypatch.setattr(node_tools, "call", called.append)
    monkeypatch.setattr(node_tools, "NODE", ROOT / "nowhere")
    words = [str(word) for word in node_tools._npm()]
    assert words[0].endswith("bin/node")
    assert words[1].endswith("npm-cli.js")
    assert "--require-hashes" in called[0]


def test_ganache__npm_works_in_its_folder__and_keeps_the_machines_settings(tmp_path, monkeypatch):
    """npm looks for its global settings under `--prefix`: certificates and mirrors got lost."""
    calls = []

    def fake(words, environment=None, directory=None):
        calls.append(([str(word) for word in words], directory))
        if directory:
            package = directory / "node_modules" / "ganache"
            package.mkdir(parents=True)
            (package / "package.json").write_text('{"bin": {"ganache": "cli.js"}}')
        return node_tools.GANACHE_VERSION

    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(node_tools, "VENV", tmp_path)
    monkeypatch.setattr(node_tools, "GANACHE", tmp_path / "ganache")
    monkeypatch.setattr(node_tools, "call", fake)
    monkeypatch.setattr(node_tools.shutil, "which", lambda name: f"/usr/bin/{name}")
    node_tools._install_ganache()
    (words, directory), _ = calls
    assert words[:2] == ["/usr/bin/npm", "install"]
    assert "--prefix" not in words
    assert directory == tmp_path / "ganache"
    assert (tmp_path / "bin" / "ganache").stat().st_mode & 0o111


def test_environment__foreign_folder__is_not_touched(tmp_path, monkeypatch):
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "PYTHON", python)
    monkeypatch.setattr(install, "STAMPS", tmp_path / "stamps.json")
    with pytest.raises(SetupError, match="was not made by this set-up"):
        install._create_environment()
    assert python.exists()


def test_contracts__vyper_refuses__names_file_and_reason(monkeypatch):
    said = "vyper refuses /x/Bad.vy: invalid syntax\n\n  contract ...\nCorrect the source.\n"

    def refuse(words):
        raise explain(said)

    monkeypatch.setattr(project, "call", refuse)
    with pytest.raises(SetupError, match=r"vyper refuses /x/Bad.vy \(invalid syntax\)"):
        project.contracts("cancun").run()


def test_entries_of__one_package__with_its_hashes_only():
    text = "# head\na==1 ; x \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nb==2 \\\n    --hash=3"
    assert install.entries_of(text, {"a"}) == (
        "a==1 ; x \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n"
    )


def test_without_torch__drops_torch_and_its_cuda_only():
    text = "a==1 \\\n    --hash=1\nnvidia-nccl-cu13==2 \\\n    --hash=2\ntorch==2\ntriton==3\nz==4"
    assert lock.without_torch("warning: old\n" + text) == "a==1 \\\n    --hash=1\nz==4\n"


def test_lock__every_requirement_of_pyproject_is_in_it():
    """`make lock` was run after the last change of a pin."""
    import tomllib

    project_table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project_table["dependencies"])
    extras = project_table["optional-dependencies"]
    together = re.search(r"\[(.*)\]", extras["all"][0])
    assert together is not None
    for extra in together.group(1).split(","):  # ray cannot live with eth-ape, and is not in it
        wanted += extras[extra]
    locked = {line.split(" ")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    pins = [line.split(";")[0].replace("_", "-") for line in wanted]
    missing = [pin for pin in pins if pin not in locked and "torch==" not in pin]
    assert missing == []


def test_pip_check__only_the_known_contradiction_passes():
    known = "eth-ape 0.8.51 has requirement numpy<2, but you have numpy 2.4.6."
    assert install.is_only_apes_numpy(known + "\n")
    assert not install.is_only_apes_numpy(known + "\nnumba 1 has requirement numpy<2, but ...\n")


@pytest.mark.parametrize("target", ["demo", "test", "lock"])
def test_plan__names_are_unique_and_the_environment_comes_first(target):
    names = [s.name for s in command.plan(target, "anvil")]
    assert len(set(names)) == len(names)
    assert names[0] == "environment"


def test_plan__ganache_is_fetched_only_where_it_is_used():
    assert "ganache" not in [s.name for s in command.plan("demo", "anvil")]
    assert "ganache" in [s.name for s in command.plan("demo", "ganache")]
    assert "ganache" in [s.name for s in command.plan("test", "anvil")]


def run_setup(folder, **environment):
    """Run it with a HOME of its own and none of this machine's pip settings."""
    return subprocess.run(
        ["/bin/sh", str(folder / "tools" / "setup"), "demo"],
        env={"HOME": str(folder), "PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def bare_checkout(tmp_path):
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_setup__old_python__one_sentence(bare_checkout):
    old = bare_checkout / "old-python"
    old.write_text(
        '#!/bin/sh\ncase "$2" in *platform*) echo found Python 3.8.1 ;; *) exit 1 ;; esac\n'
    )
    old.chmod(0o755)
    ended = run_setup(bare_checkout, PYTHON=str(old))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "needs Python 3.11, 3.12 or 3.13 (found Python 3.8.1)" in ended.stderr


def test_setup__no_python_at_all__one_sentence(bare_checkout):
    ended = run_setup(bare_checkout, PATH="/nonexistent:/usr/bin/nothing", PYTHON="no-such-python")
    assert ended.returncode == 1
    assert "(found none)" in ended.stderr.splitlines()[-1]


def test_setup__registry_unreachable__one_sentence_and_no_traceback(bare_checkout):
    closed = "http://127.0.0.1:9/simple"
    ended = run_setup(
        bare_checkout,
        PIP_INDEX_URL=closed,
        PIP_EXTRA_INDEX_URL=closed,
        PIP_CONFIG_FILE=os.devnull,
        PIP_RETRIES="0",
        PYTHON=sys.executable,
    )
    assert ended.returncode == 1
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("Set-up stopped: Install the Python packages")
    assert "registry cannot be reached; check the connection" in sentence
