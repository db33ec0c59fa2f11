# SPDX-License-Identifier: MIT
import os

from conan import ConanFile
from conan.errors import ConanException
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import collect_libs, copy, get, load, rmdir

required_conan_version = ">=2.0"


class RondoConan(ConanFile):
    name = "rondo"
    description = "LSTM and GRU networks that train, infer and stream on the CPU, and a MIDI codec"
    license = "MIT"
    url = "https://github.com/conan-io/conan-center-index"
    homepage = "https://github.com/rondo/rondo"
    topics = ("lstm", "gru", "recurrent-neural-network", "midi", "eigen")
    package_type = "static-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "fPIC": [True, False],
        "with_io": [True, False],
        "with_openmp": [True, False],
    }
    default_options = {
        "fPIC": True,
        "with_io": True,
        "with_openmp": True,
    }
    implements = ["auto_shared_fpic"]

    # conandata.yml of the registry names the archive of a release. In a clone it is missing, and the clone is packaged.
    def _released(self):
        return str(self.version) in (self.conan_data or {}).get("sources", {})

    def set_version(self):
        if not self.version:
            lines = load(self, os.path.join(self.recipe_folder, "..", "..", "..", "include", "rondo", "version.hpp")).splitlines()
            numbers = [line.split()[2] for line in lines if line.startswith("#define RONDO_VERSION_")]
            if len(numbers) != 3:
                raise ConanException("include/rondo/version.hpp: expected three lines #define RONDO_VERSION_…")
            self.version = ".".join(numbers)

    def export_sources(self):
        if not self._released():
            root = os.path.join(self.recipe_folder, "..", "..", "..")
            for pattern in ("CMakeLists.txt", "CHANGELOG.md", "LICENSE", "cmake/*", "cuda/*", "include/*"):
                copy(self, pattern, src=root, dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self, src_folder="src" if self._released() else ".")

    def requirements(self):
        self.requires("eigen/[>=3.4.0 <6]", transitive_headers=True)
        if self.options.with_io:
            self.requires("nlohmann_json/[>=3.10 <4]", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.24 <5]")

    def source(self):
        if self._released():
            get(self, **self.conan_data["sources"][self.version], strip_root=True)

    def generate(self):
        tc = CMakeToolchain(self)
        tc.cache_variables["RONDO_BUILD_BENCHMARKS"] = False
        tc.cache_variables["RONDO_BUILD_EXAMPLES"] = False
        tc.cache_variables["RONDO_BUILD_TESTS"] = False
        tc.cache_variables["RONDO_IO"] = bool(self.options.with_io)
        tc.cache_variables["RONDO_OPENMP"] = bool(self.options.with_openmp)
        tc.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "rondo")
        openmp = ["-fopenmp"] if self.options.with_openmp else []

        def component(name, requires=(), libs=(), openmp=()):
            info = self.cpp_info.components[name]
            info.set_property("cmake_target_name", f"rondo::{name}")
            info.set_property("pkg_config_name", f"rondo-{name.replace('_', '-')}")
            info.requires = list(requires)
            info.libs = list(libs)
            info.defines = ["RONDO_COMPILED"] if libs else []
            info.cxxflags = info.exelinkflags = info.sharedlinkflags = list(openmp)
            if self.settings.os in ("Linux", "FreeBSD") and "nn" in name:
                info.system_libs = ["m"]

        component("midi")
        component("music", ["midi"])
        component("nn", ["eigen::eigen"], collect_libs(self), openmp)
        component("nn_header_only", ["eigen::eigen"], (), openmp)
        component("rondo", ["nn", "music"])
        if self.options.with_io:
            component("io", ["nn", "nlohmann_json::nlohmann_json"])
