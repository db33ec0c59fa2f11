# SPDX-License-Identifier: MIT
"""Finds or compiles the passes."""

import importlib
import os
import pathlib


def _eigen():
    for folder in (os.environ.get("RONDO_EIGEN_DIR"), "/usr/include/eigen3", "/usr/local/include/eigen3"):
        if folder and (pathlib.Path(folder) / "Eigen" / "Core").exists():
            return folder
    raise RuntimeError("rondo: Eigen is not installed (Debian package libeigen3-dev); RONDO_EIGEN_DIR names its folder")


def _root():
    """The checkout of Rondo that holds this package; its headers are compiled."""
    return pathlib.Path(os.environ.get("RONDO_DIR") or pathlib.Path(__file__).resolve().parents[3])


def build_options():
    """Arguments of torch.utils.cpp_extension: sources, include folders, flags."""
    root = _root()
    if not (root / "include" / "rondo" / "rondo.hpp").exists():
        raise RuntimeError(f"rondo: {root}/include/rondo does not exist; RONDO_DIR names the checkout of Rondo")
    options = {"sources": [str(root / "bindings" / "torch" / "recurrent.cpp")],
               "include_paths": [str(root / "include"), _eigen()],
               "cflags": ["-std=c++20", "-O2", "-fopenmp", "-DNDEBUG"], "ldflags": ["-fopenmp"]}
    if build := os.environ.get("RONDO_CUDA_BUILD"):  # a build with RONDO_CUDA=ON, CMAKE_POSITION_INDEPENDENT_CODE=ON
        from torch.utils.cpp_extension import CUDA_HOME
        libraries = [str(path) for path in pathlib.Path(build).glob("**/librondo_*.a")]
        libraries.sort(key=lambda path: "rondo_cuda" not in path)  # it uses rondo_nn
        options["include_paths"].append(f"{CUDA_HOME}/include")
        options["cflags"] += ["-DRONDO_TORCH_CUDA", "-DRONDO_COMPILED"]
        options["ldflags"] += [*libraries, "-lc10_cuda", f"-L{CUDA_HOME}/lib64", "-lcublas", "-lcudart"]
    return options


def load():
    """The compiled module: of an installed package, otherwise compiled now, which takes a minute once."""
    try:
        return importlib.import_module("rondo._passes")
    except ImportError:
        pass
    from torch.utils import cpp_extension
    options = build_options()
    return cpp_extension.load(name="rondo_passes", sources=options["sources"],
                              extra_include_paths=options["include_paths"], extra_cflags=options["cflags"],
                              extra_ldflags=options["ldflags"], verbose=bool(os.environ.get("RONDO_VERBOSE")))
