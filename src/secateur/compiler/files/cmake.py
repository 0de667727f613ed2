"""How is a compiled network built by CMake?"""

from secateur.compiler.files.dispatch import run_name, variants
from secateur.compiler.targets import OPTIMISED, WARNINGS, Target


def cmake(target: Target, threads: int, *, binary: bool) -> str:
    """`CMakeLists.txt`: a static library, and a shared one where there is an operating system.

    Args:
        target: for its flags and variants.
        threads: whether a library for threads is linked.
        binary: whether the weights lie in `weights.bin`.
    """
    flags = " ".join((*OPTIMISED, *WARNINGS))
    if target.hosted:
        flags += " -fPIC -fvisibility=hidden"
    text = [_HEAD.format(flags=flags)]
    sources = ["weights.c"]
    if target.higher:
        text += [
            _VARIANT.format(name=f"model-{v.name}", run=run_name(v), flags=" ".join(v.flags))
            for v in variants(target)
        ]
        sources += ["dispatch.c", *(f"$<TARGET_OBJECTS:model-{v.name}>" for v in variants(target))]
    else:
        text.append(_FLAGS.format(flags=" ".join(target.flags)))
        sources.append("model.c")
    if binary:
        text.append(_BINARY)
    if threads > 1:
        text.append(_THREADS)
    libraries = "m Threads::Threads" if threads > 1 else "m"
    text.append(_LIBRARY.format(name="model", kind="STATIC", sources=" ".join(sources), libraries=libraries))
    if target.hosted:
        text.append(
            _LIBRARY.format(
                name="model_shared", kind="SHARED", sources=" ".join(sources), libraries=libraries
            )
        )
        text.append("set_target_properties(model_shared PROPERTIES OUTPUT_NAME model)\n")
    return "\n".join(text)


_HEAD = """# Builds the network as the library `model`. In your own project: add_subdirectory(this folder).
cmake_minimum_required(VERSION 3.16)
project(secateur_model C)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
include_directories(${{CMAKE_CURRENT_SOURCE_DIR}})
add_compile_options({flags})
"""

_FLAGS = """# Empty where your toolchain file names the processor.
set(MODEL_FLAGS "{flags}" CACHE STRING "Flags that name the processor")
separate_arguments(MODEL_FLAGS)
add_compile_options(${{MODEL_FLAGS}})
"""

_VARIANT = """add_library({name} OBJECT model.c)
target_compile_options({name} PRIVATE {flags})
target_compile_definitions({name} PRIVATE MODEL_RUN={run})
"""

_BINARY = """set(WEIGHTS ${CMAKE_CURRENT_SOURCE_DIR}/weights.bin)
set_source_files_properties(weights.c PROPERTIES OBJECT_DEPENDS ${WEIGHTS})
"""

_THREADS = """set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
"""

_LIBRARY = """add_library({name} {kind} {sources})
target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
target_link_libraries({name} PUBLIC {libraries})
"""
