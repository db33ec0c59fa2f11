# SPDX-License-Identifier: MIT
"""Builds and runs examples/external_project with one way to use Rondo in another project, outside the source tree.

Usage: check.py WAY --source DIR --work DIR --generator NAME --cxx COMPILER
`prepare` must run before find_package, components, pkg_config, include and deb: it builds, installs and packs a copy of the
sources in the work folder and deletes that copy. The other ways do not need it. Exit status 77: a tool is missing.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import checkout

SKIPPED = 77


def run(*command, cwd=None, env=None):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True,
                          env=None if env is None else {**os.environ, **env})
    assert done.returncode == 0, f"{command} ended with status {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def refused(*command, says, env=None):
    """Checks that the command fails with this text in its output. Line breaks are ignored."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=env)
    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0, f"{command} succeeded; wanted a message with {says!r}"
    assert says in text, f"{command}: {says!r} is not in the message:\n{done.stdout}{done.stderr}"


def tool(name):
    """The path of a program on PATH or in the folder of this Python; exits with status 77 if it is missing."""
    found = shutil.which(name) or shutil.which(name, path=str(pathlib.Path(sys.executable).parent))
    if not found:
        print(f"{name} was not found")
        sys.exit(SKIPPED)
    return found


class Check:
    def __init__(self, args):
        self.source, self.work = args.source, args.work
        self.cxx = args.cxx
        self.cmake = ["-G", args.generator, f"-DCMAKE_CXX_COMPILER={args.cxx}"]
        self.cache = args.work / "objects"  # of compile_once.py
        self.folder = args.work / args.way
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.prepared = args.work / "prepared"  # output of `prepare`: prefix, include, deb
        self.prefix = self.prepared / "prefix"

    def sources(self):
        """A copy of the sources, in the folder of this check."""
        copy = self.folder / "sources"
        checkout.copy_files(self.source, copy)
        return copy

    def program(self):
        """A copy of the program's two files and its CMakeLists.txt."""
        copy = self.folder / "program"
        shutil.copytree(self.source / "examples/external_project", copy)
        return copy

    def build_program(self, *options, configured=lambda build: None):
        build = self.folder / "build"
        run("cmake", "-S", self.program(), "-B", build, *self.cmake, *options)
        configured(build)
        run("cmake", "--build", build)
        self.run_program(build / "next_sample")

    def run_program(self, program):
        print(run(program, cwd=self.folder), end="")
        assert (self.folder / "next_sample.mid").read_bytes().startswith(b"MThd")

    def compile_program(self, *flags):
        files = sorted(self.program().glob("*.cpp"))
        assert len(files) == 2, files
        run(self.cxx, "-std=c++20", *files, *flags, "-o", self.folder / "next_sample")
        self.run_program(self.folder / "next_sample")

    # ---- an installed copy, after its sources are deleted

    def prepare(self):
        copy, build, first = self.sources(), self.folder / "build", self.folder / "first"
        run("cmake", "-S", copy, "-B", build, *self.cmake, "-DRONDO_BUILD_TESTS=OFF", "-DRONDO_BUILD_EXAMPLES=OFF")
        run("cmake", "--build", build)
        run("cmake", "--install", build, "--prefix", first)
        for file in [*first.rglob("*.cmake"), *first.rglob("*.pc")]:
            assert str(self.folder) not in file.read_text(), f"{file} names the folder that it was built in"
        shutil.rmtree(self.prepared, ignore_errors=True)
        self.prepared.mkdir()
        first.rename(self.prefix)
        if shutil.which("dpkg-deb"):
            run("cpack", "-G", "DEB", "-B", self.prepared / "deb", cwd=build)
        (copy / "include").rename(self.prepared / "include")
        shutil.rmtree(self.folder)

    def find_package(self):
        self.build_program(f"-DCMAKE_PREFIX_PATH={self.prefix}")

    def components(self):
        project = self.folder / "project"
        project.mkdir()

        def configure(arguments, *options, has=(), has_not=()):
            lines = [f"find_package(rondo {arguments})"]
            for name in has:
                lines.append(f"if(NOT TARGET rondo::{name})\n  message(FATAL_ERROR \"no target {name}\")\nendif()")
            for name in has_not:
                lines.append(f"if(TARGET rondo::{name})\n  message(FATAL_ERROR \"a target {name}\")\nendif()")
            (project / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.24)\nproject(components LANGUAGES CXX)\n" + "\n".join(lines) + "\n")
            shutil.rmtree(self.folder / "build", ignore_errors=True)
            return ["cmake", "-S", project, "-B", self.folder / "build", *self.cmake,
                    f"-DCMAKE_PREFIX_PATH={self.prefix}", *options]

        no_eigen = "-DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON"
        no_json = "-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON"
        run(*configure("0.1 REQUIRED", has=["nn", "nn_header_only", "io", "midi", "music", "rondo"]))
        run(*configure("REQUIRED COMPONENTS midi music", no_eigen, no_json, has=["midi", "music"], has_not=["nn", "io"]))
        run(*configure("REQUIRED COMPONENTS nn", no_json, has=["nn"], has_not=["io", "midi"]))
        run(*configure("REQUIRED COMPONENTS nn OPTIONAL_COMPONENTS io", no_json, has=["nn"], has_not=["io"]))
        refused(*configure("REQUIRED COMPONENTS io", no_json),
                says="the component io needs nlohmann_json 3.10, which was not found")
        refused(*configure("REQUIRED COMPONENTS io", no_eigen),
                says="the component nn needs Eigen3 3.4, which was not found")
        refused(*configure("REQUIRED COMPONENTS violin"),
                says="rondo has no component violin; its components are midi, music, nn, rondo, io, onnx, mpi, cuda, nccl, embedded")
        refused(*configure("REQUIRED COMPONENTS cuda"), says="this rondo was built without its component cuda")
        refused(*configure("0.2 REQUIRED"), says='compatible with requested version "0.2"')

    def pkg_config(self):
        pkg_config = tool("pkg-config")
        env = {"PKG_CONFIG_PATH": str(next(self.prefix.rglob("rondo-nn.pc")).parent)}
        run(pkg_config, "--exists", "--print-errors", "rondo-io", "rondo-music", "rondo-nn-header-only", env=env)
        version = run(pkg_config, "--modversion", "rondo-nn", env=env).strip()
        assert version == self.version(), version
        flags = run(pkg_config, "--cflags", "--libs", "rondo-nn", "rondo-midi", env=env).split()
        assert "-DRONDO_COMPILED" in flags and "-lrondo_nn" in flags, flags  # otherwise the program would compile the operations
        self.compile_program(*flags)

    def include(self):
        eigen = pathlib.Path("/usr/include/eigen3")
        if not eigen.exists():
            eigen = run(tool("pkg-config"), "--variable=includedir", "eigen3").strip()
        self.compile_program("-I", self.prepared / "include", "-I", eigen)

    def deb(self):
        dpkg_deb = tool("dpkg-deb")
        (package,) = (self.prepared / "deb").glob("rondo-dev_*.deb")
        fields = run(dpkg_deb, "-f", package)
        for line in (f"Version: {self.version()}-1", "Package: rondo-dev", "Depends: libeigen3-dev (>= 3.4)",
                     "Recommends: nlohmann-json3-dev (>= 3.10)"):
            assert line in fields.splitlines(), f"{line!r} is not among the fields:\n{fields}"
        run(dpkg_deb, "-x", package, self.folder / "root")
        assert (self.folder / "root/usr/share/doc/rondo-dev/copyright").exists()
        self.build_program(f"-DCMAKE_PREFIX_PATH={self.folder / 'root/usr'}")

    # ---- from source

    def add_subdirectory(self):
        def configured(build):
            ours = {"examples", "tests", "bench", "CPackConfig.cmake"} & {path.name for path in (build / "rondo").iterdir()}
            assert not ours, f"Rondo's own {ours} are in the build of another project"

        self.build_program(f"-DRONDO_DIR={self.sources()}", configured=configured)

    def fetch_content(self):
        copy = self.sources()
        git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"]
        run(*git, "init", "--quiet", cwd=copy)
        run(*git, "add", "--all", cwd=copy)
        run(*git, "commit", "--quiet", "--message", "sources", cwd=copy)
        run(*git, "tag", f"v{self.version()}", cwd=copy)
        self.build_program(f"-DRONDO_GIT=file://{copy}", f"-DRONDO_TAG=v{self.version()}")

    def midi_only(self):
        """Neither Eigen nor nlohmann_json is needed for MIDI."""
        copy, build, prefix = self.sources(), self.folder / "rondo", self.folder / "prefix"
        run("cmake", "-S", copy, "-B", build, *self.cmake, "-DRONDO_NN=OFF",
            "-DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON")
        run("cmake", "--build", build)
        run("cmake", "--install", build, "--prefix", prefix)
        project = self.folder / "project"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.24)\nproject(midi_only LANGUAGES CXX)\n"
            "find_package(rondo REQUIRED)\nadd_executable(midi_only main.cpp)\n"
            "target_link_libraries(midi_only PRIVATE rondo::midi rondo::music)\n")
        (project / "main.cpp").write_text(
            "#include <rondo/music.hpp>\n"
            "int main() { return rondo::midi::write(rondo::midi::compose({})).size() > 14 ? 0 : 1; }\n")
        run("cmake", "-S", project, "-B", self.folder / "build", *self.cmake, f"-DCMAKE_PREFIX_PATH={prefix}")
        run("cmake", "--build", self.folder / "build")
        run(self.folder / "build/midi_only")
        refused("cmake", "-S", self.program(), "-B", self.folder / "refused", *self.cmake, f"-DCMAKE_PREFIX_PATH={prefix}",
                says="this rondo was built without its component nn; it has midi, music, embedded")

    def missing_package(self):
        """The error message names the missing Debian package."""
        copy = self.sources()

        def configure(*options):
            shutil.rmtree(self.folder / "build", ignore_errors=True)
            return ["cmake", "-S", copy, "-B", self.folder / "build", *options]

        for name, package, options in (
                ("Eigen3", "libeigen3-dev", []), ("nlohmann_json", "nlohmann-json3-dev", []),
                ("CLI11", "libcli11-dev", ["-DRONDO_BUILD_EXAMPLES=ON"]),
                ("Catch2", "catch2", ["-DRONDO_BUILD_EXAMPLES=OFF", "-DRONDO_BUILD_TESTS=ON"]),
                ("benchmark", "libbenchmark-dev",
                 ["-DRONDO_BUILD_EXAMPLES=OFF", "-DRONDO_BUILD_TESTS=OFF", "-DRONDO_BUILD_BENCHMARKS=ON"])):
            refused(*configure(*self.cmake, f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON", *options),
                    says=f"apt-get install {package}")
        (self.folder / "path").mkdir()
        (self.folder / "path/cmake").symlink_to(shutil.which("cmake"))
        refused(*configure("-G", "Ninja"), says="apt-get install ninja-build",
                env={**os.environ, "PATH": str(self.folder / "path")})

    # ---- package managers

    def conan(self):
        conan = tool("conan")
        copy, home = self.sources(), self.folder / "home"
        env = {"CONAN_HOME": str(home)}
        # Does not use a remote: CMake, Eigen and nlohmann_json are those of this system.
        run(conan, "profile", "detect", env=env)
        run(conan, "remote", "disable", "*", env=env)
        profile = home / "profiles/default"
        cmake = re.search(r"cmake version ([\d.]+)", run("cmake", "--version")).group(1)
        text = re.sub("(?m)^compiler.cppstd=.*", "compiler.cppstd=20", profile.read_text())
        profile.write_text(f"{text}[platform_tool_requires]\ncmake/{cmake}\n")
        for name, version in (("eigen", "3.4.0"), ("nlohmann_json", "3.11.2")):
            run(conan, "create", self.source / "tests/packages/conan_system_headers.py", "--name", name,
                "--version", version, env=env)
        test = run(conan, "create", copy / "cmake/packaging/conan", env=env)
        assert "bytes of MIDI" in test, test
        shutil.rmtree(copy)

        program, build = self.program(), self.folder / "build"
        (program / "conanfile.txt").write_text(
            f"[requires]\nrondo/{self.version()}\n[generators]\nCMakeDeps\nCMakeToolchain\n")
        run(conan, "install", program, "--output-folder", self.folder / "generated", env=env)
        run("cmake", "-S", program, "-B", build, *self.cmake, "-DCMAKE_BUILD_TYPE=Release",
            f"-DCMAKE_TOOLCHAIN_FILE={self.folder / 'generated/conan_toolchain.cmake'}")
        run("cmake", "--build", build)
        self.run_program(build / "next_sample")

    def vcpkg(self):
        """The port, with the stub of vcpkg in vcpkg_stub.cmake."""
        copy = self.sources()
        port = copy / "cmake/packaging/vcpkg/ports/rondo"
        manifest, portfile = json.loads((port / "vcpkg.json").read_text()), (port / "portfile.cmake").read_text()
        assert manifest["version"] == self.version(), manifest["version"]
        features = re.search(r"FEATURES\s+((?:\w+\s+RONDO_\w+\s+)+)", portfile).group(1).split()[0::2]
        assert sorted(features) == sorted(manifest["features"]), f"portfile.cmake {features}, vcpkg.json {manifest['features']}"
        run("cmake", f"-DPORT_DIR={port}", f"-DSOURCE={copy}", f"-DOUT={self.folder / 'vcpkg'}", f"-DVERSION={self.version()}",
            f"-DFEATURES={';'.join(manifest['default-features'])}", f"-DGENERATOR={self.cmake[1]}", f"-DCXX={self.cxx}",
            "-P", self.source / "tests/packages/vcpkg_stub.cmake")
        packages = self.folder / "vcpkg/packages"
        for file in ("share/rondo/usage", "share/rondo/copyright", "share/rondo/rondo-config.cmake"):
            assert (packages / file).exists(), f"{file} is not in the package"
        shutil.rmtree(copy)
        self.build_program(f"-DCMAKE_PREFIX_PATH={packages}")

    def version(self):
        text = (self.source / "include/rondo/version.hpp").read_text()
        return ".".join(re.findall(r"#define RONDO_VERSION_\w+ (\d+)", text))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("way")
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--generator", default="Ninja")
    parser.add_argument("--cxx", default="c++")
    args = parser.parse_args()
    for variable in ("CXXFLAGS", "CMAKE_BUILD_TYPE", "CMAKE_GENERATOR", "CMAKE_PREFIX_PATH"):
        os.environ.pop(variable, None)
    check = Check(args)
    if args.way == "prepare":
        shutil.rmtree(check.cache, ignore_errors=True)
    # CMake takes the launcher of every build from here.
    os.environ["CMAKE_CXX_COMPILER_LAUNCHER"] = f"{sys.executable};{pathlib.Path(__file__).resolve().parent / 'compile_once.py'};{check.cache}"
    getattr(check, args.way)()


if __name__ == "__main__":
    main()
