# SPDX-License-Identifier: MIT
"""Installs the package `rondo` for PyTorch: pip install --no-build-isolation bindings/torch"""

import importlib.util
import pathlib

from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension

spec = importlib.util.spec_from_file_location("_extension", pathlib.Path(__file__).parent / "rondo" / "_extension.py")
extension = importlib.util.module_from_spec(spec)
spec.loader.exec_module(extension)
options = extension.build_options()

setup(name="rondo", version="0.1.0", description="Rondo's recurrent layers as modules of PyTorch", packages=["rondo"],
      ext_modules=[CppExtension("rondo._passes", options["sources"], include_dirs=options["include_paths"],
                                extra_compile_args=options["cflags"], extra_link_args=options["ldflags"])],
      cmdclass={"build_ext": BuildExtension})
