# SPDX-License-Identifier: MIT
"""A Conan package of headers installed on this system. The test uses it in place of the one in Conan's registry."""

import os

from conan import ConanFile
from conan.tools.files import copy

# name: folder, pattern of files, CMake package, CMake target
HEADERS = {
    "eigen": ("/usr/include/eigen3", "Eigen/*", "Eigen3", "Eigen3::Eigen"),
    "nlohmann_json": ("/usr/include", "nlohmann/*", "nlohmann_json", "nlohmann_json::nlohmann_json"),
}


class SystemHeaders(ConanFile):
    package_type = "header-library"

    def package(self):
        folder, pattern, _, _ = HEADERS[self.name]
        copied = copy(self, pattern, folder, os.path.join(self.package_folder, "include"))
        assert copied, f"no {pattern} in {folder}"

    def package_info(self):
        _, _, package, target = HEADERS[self.name]
        self.cpp_info.set_property("cmake_file_name", package)
        self.cpp_info.set_property("cmake_target_name", target)
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
