"""What the user got wrong: one line on stderr, exit code 2, nothing computed. Cases 1-7 and 55 of the fault table."""

import json
import unittest

from harness import FaultCase, tiny_run
import results

HUGGING_FACE = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
                "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                "vocab_size": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": False}


class CommandLine(FaultCase):
    def test_unknown_option_names_the_nearest(self):
        self.refused(self.alone("--wrokload", "fsdp70b"), 2, "--wrokload", "--workload", within=2)

    def test_unknown_option_under_mpirun_is_said_once(self):
        self.refused(self.ranks(2, "--wrokload", "fsdp70b"), 2, "--workload")

    def test_unknown_workload_names_the_nearest(self):
        self.refused(self.alone("--workload", "fsdp71b"), 2, "fsdp71b", "fsdp70b", within=2)

    def test_rubbish_values_name_option_and_value(self):
        for option, value in (("--min-iterations", "10x"), ("--min-iterations", "-1"), ("--min-iterations", "1e99"),
                              ("--min-iterations", ""), ("--bucket", "4GiBB"), ("--max-seconds", "nan"),
                              ("--target-ci", "inf"), ("--timeout", "-3"), ("--scale", "1,,2"), ("--dtype", "fp12"),
                              ("--device", "toaster"), ("--inject", "kaboom:rank=0")):
            with self.subTest(option=option, value=value):
                self.refused(self.alone("--workload", "fsdp70b", f"{option}={value}", "--output", self.output), 2,
                             option)

    def test_plan_that_does_not_fill_the_ranks_shows_the_product(self):
        self.refused(self.tiny(2, "--dp", 3), 2, "3", "2")

    def test_batch_smaller_than_dp_is_refused(self):
        self.refused(self.tiny(2, "--global-batch", 1), 2, "global-batch|batch")

    def test_axes_that_do_not_divide_the_model_are_refused(self):
        for axis, ranks in (("--tp", 3), ("--pp", 5)):
            with self.subTest(axis=axis):
                self.refused(self.tiny(ranks, axis, ranks), 2, axis.strip("-"))

    def test_nothing_is_written_for_bad_input(self):
        self.alone(*tiny_run(self.output, "--global-batch", "x"))
        self.assertEqual(list(self.folder.iterdir()), [])


class InputFiles(FaultCase):
    def model(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def refused_files(self, option, files):
        for path in files:
            with self.subTest(option=option, path=path.name):
                more = ["--dry-run"] if option == "--machine" else []
                self.refused(self.alone(*tiny_run(self.output, option, path, *more)), 2, path.name)

    def oddities(self, suffix):
        folder = self.folder / f"folder.{suffix}"
        folder.mkdir(exist_ok=True)
        huge = self.folder / f"huge.{suffix}"
        with huge.open("wb") as file:
            file.truncate(1 << 30)  # takes no room
        return [self.folder / f"missing.{suffix}", folder, huge, self.model(f"binary.{suffix}", bytes(range(256)) * 8),
                self.model(f"empty.{suffix}", "")]

    def test_odd_model_files(self):
        text = json.dumps(HUGGING_FACE)
        bad = {
            "nested": '{"a":' * 10000 + "1" + "}" * 10000, "open": "[" * 10000,
            "nan": text.replace("10000.0", "NaN"), "huge_integer": text.replace('"hidden_size": 64', f'"hidden_size": {"9" * 40}'),
            "huge_size": text.replace('"hidden_size": 64', '"hidden_size": 9223372036854775807'),
            "negative": text.replace('"hidden_size": 64', '"hidden_size": -64'),
            "zero_heads": text.replace('"num_attention_heads": 4', '"num_attention_heads": 0'),
            "half": text[:len(text) // 2], "list": "[1, 2]", "text_for_number": text.replace("256", '"256"'),
            "duplicate": text.replace('"vocab_size": 256', '"vocab_size": 256, "vocab_size": 512')}
        self.refused_files("--model", self.oddities("json") + [self.model(f"{k}.json", v) for k, v in bad.items()])

    def test_odd_config_files(self):
        bad = {"unknown": "wrokload = fsdp70b\n", "duplicate": "seed = 1\nseed = 2\n", "value": "seed = many\n"}
        self.refused_files("--config", [p for p in self.oddities("cfg") if p.stem != "empty"] +
                           [self.model(f"{k}.cfg", v) for k, v in bad.items()])

    def test_odd_machine_files(self):
        bad = {"syntax": "name = \n", "unknown": 'name = "x"\nwarp_drive = 9\n', "duplicate": 'name = "x"\nname = "y"\n'}
        self.refused_files("--machine", self.oddities("toml") + [self.model(f"{k}.toml", v) for k, v in bad.items()])


class Least(FaultCase):
    def test_a_dry_run_in_another_format_is_refused(self):
        self.refused(self.alone("--workload", "fsdp70b", "--dry-run", "--ranks", "4", "--format", "json"), 2, "--format")

    def dry_run(self, *flags):
        run = self.alone("--dry-run", *flags)
        self.assertIn(run.code, (0, 3), run)
        return run.stdout

    def test_a_dry_run_knows_the_nodes_of_its_machine(self):
        flags = ["--workload", "hsdp70b", "--machine", "h200", "--ranks", "64"]
        self.assertEqual(self.dry_run(*flags), self.dry_run(*flags, "--shard-group", "8"))

    def test_products_of_any_weights_are_as_many_flops(self):
        flags = ["--workload", "decode_qwen3_8b", "--machine", "h200", "--ranks", "1"]
        step = [line for line in self.dry_run(*flags).splitlines() if "a step" in line]
        self.assertEqual(step, [line for line in self.dry_run(*flags, "--weight-dtype", "int8").splitlines()
                                if "a step" in line])

    def test_no_iterations_are_refused(self):
        self.refused(self.alone(*tiny_run(self.output, "--min-iterations", 0, "--max-iterations", 0)), 2,
                     "iterations")

    def test_one_iteration_of_one_layer_on_one_rank_is_a_run(self):
        run = self.tiny(1, "--max-iterations", 1, "--layers", 1)
        self.assertEqual(run.code, 0, run)
        self.assertEqual(results.column(self.output, "samples"), [1])
        self.assertEqual(results.column(self.output, "efficiency"), [1])
        low = results.column(self.output, "step_time_ci_low")[0]
        self.assertNotEqual(low, low, "an interval of one sample")

    def test_flags_of_collectives_say_nothing_of_training_and_decode(self):
        for flag, value in (("-b", "4K"), ("-n", "20"), ("--datatype", "bf16")):
            self.refused(self.alone(*tiny_run(self.output, flag, value)), 2, f"{flag}.*fsdp70b.*collectives")
        self.refused(self.alone("--workload", "decode_qwen3_8b", "-e", "1M"), 2, "-e.*decode_qwen3_8b.*collectives")

    def test_size_zero_is_refused(self):
        self.refused(self.ranks(2, "--workload", "all_reduce", "-b", 0, "--output", self.output), 2, "-b|size")


if __name__ == "__main__":
    unittest.main()
