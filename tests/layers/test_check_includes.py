"""Each rule of check_includes.py fires on a file that breaks it, and lets pass one that keeps it."""

import os
import subprocess
import sys
import tempfile
import unittest

import check_includes

ONCE = "#pragma once\n"


class CheckIncludes(unittest.TestCase):
    def check(self, files):
        """The messages for a tree of {path: text}."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            count, messages = check_includes.check_tree(root)
            self.assertEqual(count, len(files))
            return messages

    def breaks(self, path, include, reason):
        """The include is found in the second line of the file, and named."""
        messages = self.check({path: f"{ONCE}#include {include}\n"})
        self.assertEqual(len(messages), 1, f"{path} includes {include}: {messages}")
        self.assertIn(f"{path}:2: #include {include}: ", messages[0])
        self.assertIn(reason, messages[0])

    def keeps(self, path, *includes):
        text = ONCE + "".join(f"#include {include}\n" for include in includes)
        self.assertEqual(self.check({path: text}), [])

    def test_layers(self):
        self.breaks("src/base/a.hpp", '"spec/plan.hpp"', "base includes spec")
        self.breaks("src/base/a.cpp", '"kernels/device.hpp"', "base includes kernels")
        self.breaks("src/spec/a.cpp", '"kernels/device.hpp"', "spec includes kernels")
        self.breaks("src/spec/a.cpp", '"app/options.hpp"', "spec includes app")
        self.breaks("kernels/cpu/a.cpp", '"collectives/mesh.hpp"', "kernels includes collectives")
        self.breaks("collectives/mpi/a.cpp", '"kernels/device.hpp"', "collectives includes kernels")
        self.breaks("kernels/a.hpp", '"workloads/workload.hpp"', "kernels includes workloads")
        self.breaks("workloads/blocks/a.cpp", '"app/measure.hpp"', "workloads includes app")

    def test_allowed_layers(self):
        self.keeps("src/base/a.hpp", '"base/check.hpp"', "<vector>")
        self.keeps("src/spec/a.hpp", '"base/check.hpp"', '"spec/plan.hpp"')
        self.keeps("kernels/cpu/a.cpp", '"kernels/cpu/b.hpp"', '"kernels/ops.hpp"', '"base/lane.hpp"', '"spec/x.hpp"')
        self.keeps("collectives/sim/a.cpp", '"collectives/mpi/b.hpp"', '"collectives/mesh.hpp"', '"spec/machine.hpp"')
        self.keeps("workloads/a.cpp", '"workloads/blocks/b.hpp"', '"kernels/device.hpp"', '"collectives/mesh.hpp"')
        self.keeps("src/app/a.cpp", '"kernels/cpu/device.hpp"', '"collectives/mpi/world.hpp"', '"workloads/a.hpp"')
        self.keeps("tests/kernels/a.cpp", '"kernels/cpu/device.hpp"', '"collectives/mesh.hpp"', '"tests/support.hpp"')

    def test_workloads_see_no_backend(self):
        self.breaks("workloads/a.cpp", '"kernels/cpu/device.hpp"', "one backend")
        self.breaks("workloads/blocks/a.cpp", '"collectives/mpi/world.hpp"', "one backend")

    def test_nothing_includes_tests(self):
        for path in ("src/base/a.cpp", "src/app/a.cpp", "kernels/a.cpp", "collectives/a.cpp", "workloads/a.cpp"):
            self.breaks(path, '"tests/support.hpp"', "a test is included")

    def test_spelling(self):
        self.breaks("kernels/cpu/a.cpp", '"../device.hpp"', "relative")
        self.breaks("kernels/cpu/a.cpp", '"./device.hpp"', "relative")
        self.breaks("kernels/cpu/a.cpp", '"src/base/check.hpp"', 'write "base/check.hpp"')
        self.breaks("kernels/cpu/a.cpp", '"device.hpp"', "not spelled from a root")
        self.breaks("kernels/cpu/a.cpp", '"cpu/device.hpp"', "not spelled from a root")
        self.breaks("kernels/cpu/a.cpp", "<kernels/device.hpp>", "as a library's")
        self.breaks("kernels/cpu/a.cpp", "HEADER", "computed")
        self.keeps("kernels/cpu/a.cpp", "<fmt/format.h>", "<omp.h>", "<hwloc.h>", "<toml++/toml.h>")

    def test_spelling_names_the_right_one(self):
        messages = self.check({"src/base/a.cpp": '#include "b.hpp"\n', "src/base/b.hpp": ONCE})
        self.assertEqual(len(messages), 1)
        self.assertIn('write "base/b.hpp"', messages[0])

    def test_libraries(self):
        for header in ("<cuda.h>", "<cuda_runtime.h>", "<cublasLt.h>", "<cudnn.h>", "<nccl.h>", "<nvml.h>",
                       "<cuda/std/array>"):
            self.breaks("kernels/cpu/a.cpp", header, "without a GPU")
            self.breaks("src/app/a.cpp", header, "without a GPU")
            for path in ("src/base/cuda/a.cpp", "kernels/cuda/a.cu", "collectives/nccl/a.cpp"):
                self.keeps(path, header)
        for path in ("src/app/guard/launch.cpp", "src/app/main.cpp", "workloads/a.cpp", "collectives/sim/a.cpp",
                     "collectives/mesh.cpp", "tests/collectives/a.cpp", "kernels/cpu/a.cpp"):
            self.breaks(path, "<mpi.h>", "Control alone")
        for path in ("collectives/mpi/a.cpp", "collectives/nccl/a.cpp", "collectives/control.cpp",
                     "collectives/control/a.cpp", "tests/main.cpp", "tests/main_mpi.cpp"):
            self.keeps(path, "<mpi.h>")
        for header in ("<hdf5.h>", "<hdf5_hl.h>", "<H5DSpublic.h>"):
            self.breaks("src/app/measure/measure.cpp", header, "recorder alone")
            self.keeps("src/app/recorder/write.cpp", header)
            self.keeps("src/app/recorder/hdf5.hpp", header)
        for header in ("<boost/program_options.hpp>", "<boost/program_options/parsers.hpp>"):
            self.breaks("src/app/main.cpp", header, "command line")
            self.keeps("src/app/options/options.cpp", header)
        for header in ("<dnnl.hpp>", "<dnnl.h>", "<oneapi/dnnl/dnnl.hpp>"):
            self.breaks("src/app/doctor.cpp", header, "compute on the CPU")
            self.breaks("kernels/device.cpp", header, "compute on the CPU")
            self.keeps("kernels/cpu/onednn.cpp", header)
        self.breaks("src/spec/a.hpp", "<nlohmann/json.hpp>", "no header")
        self.breaks("src/spec/a.hpp", "<nlohmann/json_fwd.hpp>", "no header")
        self.keeps("src/spec/a.cpp", "<nlohmann/json.hpp>")
        self.breaks("collectives/mpi/a.cpp", '"mpi.h"', "in quotes")

    def test_conditions(self):
        for condition in ("#ifdef X", "#ifndef X", "#if X", "  #  if defined(X)"):
            messages = self.check({"src/app/a.cpp": f"int a;\n\n{condition}\n#endif\n"})
            self.assertEqual(len(messages), 1, condition)
            self.assertIn(f"src/app/a.cpp:3: {condition.strip()}: the text depends", messages[0])
            for path in ("src/base/cuda/a.cpp", "kernels/cuda/a.cu", "kernels/cpu/onednn.cpp"):
                self.assertEqual(self.check({path: f"{condition}\n#endif\n"}), [])

    def test_headers_are_guarded(self):
        messages = self.check({"src/base/a.hpp": "int a();\n"})
        self.assertEqual(len(messages), 1)
        self.assertIn("no #pragma once", messages[0])

    def test_comments_and_strings_do_not_count(self):
        self.assertEqual(self.check({"src/base/a.cpp": (
            '// #include <mpi.h>\n/*\n#include <mpi.h>\n#if X\n*/\nauto s = R"x(\n#include <mpi.h>\n)x";\n'
            "auto t = \"/*\";\nauto n = 1'000; // it's\nauto c = '\"';\n")}), [])

    def test_lines_are_counted_past_comments(self):
        messages = self.check({"src/base/a.cpp": '/* a\nb */ auto s = "/*";\n#include <mpi.h> // why\n'})
        self.assertEqual(len(messages), 1)
        self.assertTrue(messages[0].startswith("src/base/a.cpp:3: #include <mpi.h>"), messages[0])

    def test_unknown_folder(self):
        self.breaks("src/other/a.cpp", '"base/check.hpp"', "no layer")

    def test_exit_codes(self):
        script = check_includes.__file__
        with tempfile.TemporaryDirectory() as root:
            def leave():
                return subprocess.run([sys.executable, script, root], capture_output=True, check=False).returncode
            self.assertEqual(leave(), 2)
            os.makedirs(os.path.join(root, "kernels"))
            path = os.path.join(root, "kernels", "a.cpp")
            for text, code in (("int a;\n", 0), ("#include <mpi.h>\n", 1)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                self.assertEqual(leave(), code)


if __name__ == "__main__":
    unittest.main()
