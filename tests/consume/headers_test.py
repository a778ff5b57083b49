"""Each public header compiles alone, as its users' compilers see it: C++20 with g++ 12 and clang 19, C99 for the C ones."""

import os
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[2] / "resolver/include"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only", f"-I{INCLUDE}")
CPP = (("g++-12", "-std=c++20"), ("clang++-19", "-std=c++20"))
C = (("gcc-12", "-std=c99"), ("clang-19", "-std=c99"), ("g++-12", "-xc++", "-std=c++11"))


def compile_alone(job):
    directory, compiler, header = job
    # Twice: it must have a guard.
    unit = os.path.join(directory, f"{compiler[0]}-{header.name}{'.c' if header.suffix == '.h' else '.cpp'}")
    with open(unit, "w", encoding="ascii") as file:
        file.write(f"#include <bunraku/{header.name}>\n" * 2)
    done = subprocess.run([*compiler, *STRICT, unit], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    return f"{' '.join(compiler)} {header.name}:\n{done.stdout}" if done.returncode else None


class Headers(unittest.TestCase):
    def check(self, headers, compilers):
        self.assertTrue(headers)
        with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [(directory, compiler, header) for header in headers for compiler in compilers]
            complaints = [text for text in pool.map(compile_alone, jobs) if text]
        self.assertFalse(complaints, "\n".join(complaints))

    def test_every_header_of_the_cpp_library_compiles_alone(self):
        self.check(sorted(INCLUDE.glob("bunraku/*.hpp")), CPP)

    def test_every_header_of_the_c_library_compiles_alone(self):
        self.check(sorted(INCLUDE.glob("bunraku/*.h")), C)


if __name__ == "__main__":
    unittest.main()
