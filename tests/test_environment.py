import json
import os
import platform
import subprocess

from i2i import environment


def test_what_is_described_is_json_and_names_nobody(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    found = environment.describe()
    text = json.dumps(found)
    assert found["python"] == platform.python_version()
    assert found["libraries"]["torch"]
    assert found["threads"] >= 1
    assert found["processor"]
    assert "hunter2" not in text
    assert platform.node() not in text or len(platform.node()) < 4  # "vm" may be part of another word
    assert os.path.expanduser("~") not in text


def test_plugins_that_loaded_are_named_with_their_versions():
    assert "i2i-translate" in environment.plugins()


def test_the_commit_is_empty_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.git_commit() == ""


def test_the_commit_is_marked_where_files_differ(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def git(*words):
        identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD")
    git("tag", "v1")
    assert environment.git_commit() == commit
    (tmp_path / "a").write_text("2")
    assert environment.git_commit() == f"{commit}-dirty"


def test_a_machine_without_git_has_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert environment.git_commit() == ""
