#include <functional>
#include <map>

#include "spec/catalogue.hpp"
#include "tests/spec/refusal.hpp"
#include "tests/spec/temporary_file.hpp"

namespace scalebench {

namespace {

using Fields = std::map<std::string, std::string>;

Fields older() {
  return {{"architectures", "[\"LlamaForCausalLM\"]"},
          {"hidden_act", "\"silu\""},
          {"hidden_size", "64"},
          {"intermediate_size", "192"},
          {"max_position_embeddings", "512"},
          {"model_type", "\"llama\""},
          {"num_attention_heads", "4"},
          {"num_hidden_layers", "4"},
          {"num_key_value_heads", "2"},
          {"rms_norm_eps", "1e-05"},
          {"rope_scaling", "null"},
          {"rope_theta", "500000.0"},
          {"tie_word_embeddings", "false"},
          {"torch_dtype", "\"bfloat16\""},
          {"vocab_size", "256"}};
}

std::string json(const Fields& fields) {
  std::string text = "{";
  for (const auto& [name, value] : fields) text += (text.size() == 1 ? "\n" : ",\n") + ("\"" + name + "\": ") + value;
  return text + "\n}\n";
}

ModelSpec parse(const std::string& text) { return parse_hugging_face_config(text, "config.json", "tiny-llama"); }

void expect_field_refused(const std::string& name, const std::string& value, const std::string& part) {
  Fields fields = older();
  fields[name] = value;
  BOOST_TEST_CONTEXT(name << ": " << value.substr(0, 60)) expect_refusal([&] { parse(json(fields)); }, part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(the_catalogue_holds_the_known_models) {
  const std::vector<std::string> expected = {
      "gpt-1.7b",   "gpt-145.6b", "gpt-18.4b",     "gpt-1t",     "gpt-3.6b",   "gpt-310.1b", "gpt-39.1b",
      "gpt-529.6b", "gpt-7.5b",   "gpt-76.1b",     "gpt3-175b",  "llama2-13b", "llama2-70b", "llama2-7b",
      "llama3-70b", "llama3-8b",  "llama3.1-405b", "mistral-7b", "qwen3-32b",  "qwen3-8b",   "tiny-llama"};
  BOOST_TEST(model_names() == expected, boost::test_tools::per_element());
  for (const std::string& name : model_names()) BOOST_TEST(find_model(name).name == name);
  expect_refusal([] { find_model("llama3-9b"); }, "did you mean llama3-8b");
}

BOOST_AUTO_TEST_CASE(both_spellings_give_the_same_model) {
  Fields newer = older();
  newer["eos_token_id"] = "2";
  BOOST_TEST((parse(json(newer)) == find_model("tiny-llama")));
  newer.erase("rope_theta"), newer.erase("rope_scaling"), newer.erase("torch_dtype");
  newer["rope_parameters"] = "{\"rope_theta\": 500000.0, \"rope_type\": \"default\"}";
  newer["dtype"] = "\"bfloat16\"";
  BOOST_TEST((parse(json(newer)) == find_model("tiny-llama")));
}

BOOST_AUTO_TEST_CASE(what_is_left_out_is_hugging_faces_default) {
  Fields fields = older();
  for (const char* name : {"num_key_value_heads", "rope_theta", "rms_norm_eps", "max_position_embeddings",
                           "architectures", "hidden_act", "tie_word_embeddings"})
    fields.erase(name);
  const ModelSpec m = parse(json(fields));
  BOOST_TEST(m.kv_heads == 4);
  BOOST_TEST(m.head_dim == 16);
  BOOST_TEST(m.rope_theta == 10000.0);
  BOOST_TEST(m.norm_epsilon == 1e-6);
  BOOST_TEST(m.max_sequence == 2048);
}

BOOST_AUTO_TEST_CASE(what_changes_the_mathematics_is_refused) {
  const std::pair<std::string, std::string> cases[] = {
      {"rope_scaling", "{\"rope_type\": \"dynamic\", \"factor\": 8.0}"},
      {"rope_scaling", "{\"type\": \"longrope\"}"},
      {"rope_parameters", "{\"partial_rotary_factor\": 0.5}"},
      {"rope_parameters", "{\"rope_theta\": 500000.0, \"rope_type\": \"yarn\"}"},
      {"hidden_act", "\"gelu\""},
      {"attention_bias", "true"},
      {"mlp_bias", "true"},
      {"pretraining_tp", "2"},
      {"attention_dropout", "0.1"},
      {"sliding_window", "4096"},
      {"layer_types", "[\"full_attention\"]"},
      {"quantization_config", "{\"bits\": 4}"},
      {"architectures", "[\"LlamaForSequenceClassification\"]"},
      {"model_type", "\"mixtral\""},
  };
  for (const auto& [name, value] : cases) expect_field_refused(name, value, "not in this version");
}

BOOST_AUTO_TEST_CASE(frequencies_of_llama_3_1_are_read_in_both_spellings) {
  const std::string members =
      "\"factor\": 8.0, \"low_freq_factor\": 1, \"high_freq_factor\": 4.0, "
      "\"original_max_position_embeddings\": 8192";
  Fields old = older(), legacy = older(), newer = older(), both = older();
  old["rope_scaling"] = "{\"rope_type\": \"llama3\", " + members + "}";
  legacy["rope_scaling"] = "{\"type\": \"llama3\", " + members + "}";
  newer.erase("rope_theta"), newer.erase("rope_scaling");
  newer["rope_parameters"] = "{\"rope_type\": \"llama3\", \"rope_theta\": 500000.0, " + members + "}";
  both["rope_scaling"] = old["rope_scaling"], both["rope_parameters"] = newer["rope_parameters"];
  const RopeScaling expected{
      .type = RopeType::llama3, .factor = 8, .low_frequency = 1, .high_frequency = 4, .original_sequence = 8192};
  for (const Fields& fields : {old, legacy, newer, both}) {
    const ModelSpec m = parse(json(fields));
    BOOST_TEST((m.rope_scaling == expected));
    BOOST_TEST(m.rope_theta == 500000.0);
  }
  Fields linear = older();
  linear["rope_scaling"] = "{\"type\": \"linear\", \"factor\": 2}";
  BOOST_TEST((parse(json(linear)).rope_scaling == RopeScaling{.type = RopeType::linear, .factor = 2}));
}

BOOST_AUTO_TEST_CASE(scaling_that_is_not_whole_or_contradicts_itself_is_refused) {
  const auto refused = [](const std::string& members, const std::string& part) {
    expect_field_refused("rope_scaling", "{" + members + "}", part);
  };
  const std::string llama3 = "\"rope_type\": \"llama3\", \"factor\": 8.0, \"original_max_position_embeddings\": 8192";
  refused("\"rope_type\": \"linear\"", "rope_scaling.factor is missing");
  refused(llama3, "rope_scaling.low_freq_factor is missing");
  refused(llama3 + ", \"low_freq_factor\": 4, \"high_freq_factor\": 1", "make the second larger");
  refused("\"rope_type\": \"linear\", \"factor\": 0", "rope_scaling.factor is 0");
  refused("\"rope_type\": \"linear\", \"factor\": \"2\"", "rope_scaling.factor is \"2\"");
  refused("\"rope_type\": \"linear\", \"factor\": 2, \"low_freq_factor\": 1",
          "has no meaning for the rope_type linear");
  refused("\"factor\": 2", "has no meaning for the rope_type default");
  refused("\"rope_type\": 3", "must be a text");
  refused("\"rope_type\": \"linear\", \"type\": \"llama3\", \"factor\": 2", "but rope_scaling.type is \"llama3\"");
  Fields fields = older();
  fields["rope_scaling"] = "{\"rope_type\": \"linear\", \"factor\": 2}";
  fields["rope_parameters"] = "{\"rope_type\": \"linear\", \"factor\": 4}";
  expect_refusal([&] { parse(json(fields)); }, "but rope_parameters.factor is 4");
  fields["rope_parameters"] = "{\"rope_theta\": 500000.0}";
  expect_refusal([&] { parse(json(fields)); }, "rope_scaling.rope_type is there, but rope_parameters has none");
}

BOOST_AUTO_TEST_CASE(tied_embeddings_are_read) {
  Fields fields = older();
  fields["tie_word_embeddings"] = "true";
  BOOST_TEST(parse(json(fields)).tied_embeddings);
  fields["tie_word_embeddings"] = "null";
  BOOST_TEST(!parse(json(fields)).tied_embeddings);
  expect_field_refused("tie_word_embeddings", "1", "tie_word_embeddings is 1 (it must be true or false)");
}

BOOST_AUTO_TEST_CASE(two_precisions_are_refused) {
  expect_field_refused("dtype", "\"float32\"", "dtype is \"float32\", but torch_dtype is \"bfloat16\"");
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_refused_by_name) {
  expect_field_refused("logit_softcap", "30", "the field logit_softcap is not known");
  expect_field_refused("architectures", "[\"LlamaForCausalLM\", \"Other\"]", "the field architectures.1 is not known");
  expect_field_refused("rope_parameters", "{\"mscale\": 8}", "the field rope_parameters.mscale is not known");
  expect_field_refused("rope_scaling", "{\"rope_theta\": 8}", "the field rope_scaling.rope_theta is not known");
  expect_field_refused("rope_parameters.rope_theta", "1e6", "is not known");
  expect_field_refused("", "{\"hidden_size\": 32}", "is not known");
}

BOOST_AUTO_TEST_CASE(what_does_not_matter_is_taken) {
  Fields fields = older();
  fields["bos_token_id"] = "1", fields["eos_token_id"] = "2", fields["use_cache"] = "true";
  fields["attention_dropout"] = "0.0", fields["pretraining_tp"] = "1", fields["head_dim"] = "null";
  BOOST_TEST((parse(json(fields)) == find_model("tiny-llama")));
}

BOOST_AUTO_TEST_CASE(what_ends_an_answer_is_one_token_or_several) {
  const std::pair<const char*, std::vector<std::int32_t>> cases[] = {{"2", {2}}, {"[2, 3]", {2, 3}}, {"[2]", {2}},
                                                                     {"0", {0}}, {"null", {}},       {"[]", {}}};
  Fields fields = older();
  BOOST_TEST(parse(json(fields)).end_tokens.empty());
  for (const auto& [value, ids] : cases) {
    fields["eos_token_id"] = value;
    BOOST_TEST(parse(json(fields)).end_tokens == ids, boost::test_tools::per_element());
  }
  for (const char* value : {"-1", "2.5", "\"2\"", "true", "[2, -3]", "2147483648", "1e99"})
    expect_field_refused("eos_token_id", value, "(it is the id of a token, or several)");
}

BOOST_AUTO_TEST_CASE(sizes_out_of_range_are_refused_with_their_line) {
  // Sorted by name: hidden_size stands in line 4 of the text.
  for (const char* value : {"0", "-64", "64.0", "\"64\"", "null", "true", "[64]", "{}", "1e400",
                            "99999999999999999999999", "9223372036854775807", "18446744073709551615", "1e30"})
    expect_field_refused("hidden_size", value, "config.json");
  expect_field_refused("hidden_size", "-64", "config.json:4: hidden_size is -64 (it must be a whole number from 1");
  expect_field_refused("rms_norm_eps", "0", "rms_norm_eps is 0 (it must be a number above 0 and below 1)");
  expect_field_refused("rope_theta", "-1", "rope_theta is -1");
  expect_field_refused("rope_parameters", "3", "rope_parameters is 3 (it must be an object)");
  expect_field_refused("rope_parameters", "{\"rope_theta\": 1e6}", "but rope_parameters.rope_theta is 1000000");
  expect_field_refused("num_key_value_heads", "3", "num_attention_heads 4 is no multiple of num_key_value_heads 3");
  expect_field_refused("num_attention_heads", "6", "hidden_size 64 is no multiple of 6");
  expect_field_refused("head_dim", "15", "the size of a head is 15");
  Fields vast = older();
  vast["num_hidden_layers"] = "100000", vast["hidden_size"] = "16777216", vast["intermediate_size"] = "16777216";
  expect_refusal([&] { parse(json(vast)); }, "parameters (more than");
}

BOOST_AUTO_TEST_CASE(a_size_that_is_missing_is_named) {
  for (const char* name :
       {"hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size", "model_type"}) {
    Fields fields = older();
    fields.erase(name);
    expect_refusal([&] { parse(json(fields)); }, std::string(name) + " is missing");
  }
}

BOOST_AUTO_TEST_CASE(hostile_text_is_an_error_and_no_crash) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "config.json:1: this is not JSON"},
      {"[]", "this is an array"},
      {"3", "a config.json is an object"},
      {"null", "a config.json is an object"},
      {"{\"a\":\n\n NaN}", "config.json:3: this is not JSON"},
      {"{\"a\": Infinity}", "config.json:1: this is not JSON"},
      {"{\"hidden_size\": 1,\n\"hidden_size\": 2}", "config.json:2: \"hidden_size\" is there twice"},
      {"{\"a\": {\"b\": 1, \"b\": 2}}", "\"b\" is there twice"},
      {"{\"a\": 1", "config.json:1: this is not JSON"},
      {"{\"a\": 1} x", "this is not JSON"},
      {"{\"a\": \"\xff\xfe\"}", "this is not JSON"},
      {"\x7f\x45\x4c\x46\x02\x01", "this is not JSON"},
      {std::string(10'000, '['), "this is an array"},
      {"{\"a\": " + std::string(10'000, '['), "nested more than 16 deep"},
      {"{\"a\": [" + std::string(40'000, '0') + "]}", "this is not JSON"},
  };
  for (const auto& [text, part] : cases) expect_refusal([&, &t = text] { parse(t); }, part);
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += "{\"a\":";
  expect_refusal([&] { parse(objects); }, "nested more than 16 deep");
  std::string many = "{\"eos_token_id\": [0";
  for (int i = 0; i < 20'000; ++i) many += ",0";
  expect_refusal([&] { parse(many + "]}"); }, "more than 10000 values");
}

// Every cut and every changed byte of a good text is a model or an Error: nothing else comes out.
BOOST_AUTO_TEST_CASE(a_damaged_config_is_an_error_or_a_model) {
  const std::string good = json(older());
  std::size_t refused = 0, read = 0;
  const auto attempt = [&](const std::string& text) {
    try {
      parse(text), ++read;
    } catch (const Error& error) {
      refused += error.code() == Exit::bad_input ? 1 : 0;
    }
  };
  for (std::size_t i = 0; i + 2 < good.size(); ++i) attempt(good.substr(0, i));
  BOOST_TEST(read == 0u);
  for (std::size_t i = 0; i < good.size(); ++i)
    for (const char byte : {'\0', '"', '{', '9', '-', '\x80', '\xff'}) {
      std::string text = good;
      text[i] = byte;
      attempt(text);
    }
  BOOST_TEST(refused + read == good.size() - 2 + 7 * good.size());
  BOOST_TEST(refused > read);
}

BOOST_AUTO_TEST_CASE(files_that_can_not_be_read_are_named) {
  expect_refusal([] { find_model("/nowhere/config.json"); }, "'/nowhere/config.json' is not there");
  expect_refusal([] { find_model("/tmp/"); }, "is a folder");
  expect_refusal([] { find_model("/dev/zero"); }, "is not a regular file");
  expect_refusal([] { find_model("/proc/self/mem"); }, "can't be read");
  const TemporaryFile binary("config.json", std::string("{\"a\": \0}", 8)),
      large("large.json", std::string(10'000'001, ' '));
  expect_refusal([&] { find_model(binary.path()); }, "is a binary file");
  expect_refusal([&] { find_model(large.path()); }, "is larger than 10 MB");
}

BOOST_AUTO_TEST_CASE(a_users_model_is_called_as_its_file_or_folder) {
  const TemporaryFile other("my-llama.json", json(older()));
  BOOST_TEST(find_model(other.path()).name == "my-llama");
  const TemporaryFile config("config.json", json(older()));
  BOOST_TEST(find_model(config.path()).name == std::filesystem::path(config.folder()).filename().string());
  BOOST_TEST(find_model(config.path()).hidden == 64);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
