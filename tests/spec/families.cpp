#include <map>

#include <fmt/format.h>

#include "spec/catalogue.hpp"
#include "tests/spec/refusal.hpp"

namespace scalebench {

namespace {

using Fields = std::map<std::string, std::string>;

std::string json(const Fields& fields) {
  std::string text = "{";
  for (const auto& [name, value] : fields)
    text += fmt::format("{}\"{}\": {}", text.size() == 1 ? "" : ",\n", name, value);
  return text + "}\n";
}

ModelSpec parse(const Fields& fields) { return parse_hugging_face_config(json(fields), "config.json", "small"); }

Fields rotary(const std::string& type, const std::string& architecture) {
  return {{"model_type", "\"" + type + "\""},
          {"architectures", "[\"" + architecture + "\"]"},
          {"hidden_act", "\"silu\""},
          {"hidden_size", "64"},
          {"intermediate_size", "192"},
          {"num_attention_heads", "4"},
          {"num_hidden_layers", "2"},
          {"num_key_value_heads", "2"},
          {"head_dim", "32"},
          {"vocab_size", "256"}};
}

const Fields kQwen2 = rotary("qwen2", "Qwen2ForCausalLM"), kQwen3 = rotary("qwen3", "Qwen3ForCausalLM"),
             kMistral = rotary("mistral", "MistralForCausalLM");

// gpt2 as it was published, 124 M.
const Fields kGpt2 = {{"activation_function", "\"gelu_new\""},
                      {"architectures", "[\"GPT2LMHeadModel\"]"},
                      {"attn_pdrop", "0.1"},
                      {"bos_token_id", "50256"},
                      {"embd_pdrop", "0.1"},
                      {"eos_token_id", "50256"},
                      {"initializer_range", "0.02"},
                      {"layer_norm_epsilon", "1e-05"},
                      {"model_type", "\"gpt2\""},
                      {"n_ctx", "1024"},
                      {"n_embd", "768"},
                      {"n_head", "12"},
                      {"n_layer", "12"},
                      {"n_positions", "1024"},
                      {"resid_pdrop", "0.1"},
                      {"summary_activation", "null"},
                      {"summary_first_dropout", "0.1"},
                      {"summary_proj_to_labels", "true"},
                      {"summary_type", "\"cls_index\""},
                      {"summary_use_proj", "true"},
                      {"task_specific_params", "{\"text-generation\": {\"do_sample\": true, \"max_length\": 50}}"},
                      {"vocab_size", "50257"}};

Fields with(Fields fields, const std::string& name, const std::string& value) {
  fields[name] = value;
  return fields;
}

void expect_refused(const Fields& fields, const std::string& name, const std::string& value, const std::string& part) {
  BOOST_TEST_CONTEXT(name << ": " << value) expect_refusal([&] { parse(with(fields, name, value)); }, part);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(families)

BOOST_AUTO_TEST_CASE(qwen2_has_biases_of_query_key_and_value) {
  const ModelSpec m = parse(kQwen2);
  BOOST_TEST((m.family == Family::qwen2 && m.query_key_value_bias && !m.query_key_norm && !m.layer_norm));
  ModelSpec llama = m;
  llama.query_key_value_bias = false;
  BOOST_TEST(parameter_count(m) - parameter_count(llama) == 2 * (4 + 2 + 2) * 32);
  BOOST_TEST(m.max_sequence == 32768);
}

BOOST_AUTO_TEST_CASE(qwen3_norms_each_head_of_query_and_key) {
  const ModelSpec m = parse(kQwen3);
  BOOST_TEST((m.family == Family::qwen3 && m.query_key_norm && !m.query_key_value_bias && !m.layer_norm));
  BOOST_TEST(m.head_dim == 32);
  ModelSpec llama = m;
  llama.query_key_norm = false;
  BOOST_TEST(parameter_count(m) - parameter_count(llama) == 2 * 2 * 32);
}

BOOST_AUTO_TEST_CASE(a_window_of_mistral_is_read_and_null_is_none) {
  BOOST_TEST(parse(with(kMistral, "sliding_window", "16")).window == 16);
  BOOST_TEST(parse(with(kMistral, "sliding_window", "null")).window == 0);
  BOOST_TEST(parse(kMistral).window == 4096);
  BOOST_TEST((parse(kMistral).family == Family::mistral));
  expect_refused(kMistral, "sliding_window", "0", "sliding_window is 0");
  expect_refused(kMistral, "use_sliding_window", "false", "the field use_sliding_window is not known");
}

BOOST_AUTO_TEST_CASE(the_published_gpt2_is_read) {
  const ModelSpec m = parse(kGpt2);
  BOOST_TEST((m.family == Family::gpt2 && m.layer_norm && m.query_key_value_bias && m.tied_embeddings));
  BOOST_TEST(parameter_count(m) == 124'439'808);
  BOOST_TEST(m.feed_forward == 4 * 768);
  BOOST_TEST(m.head_dim == 64);
  BOOST_TEST(m.kv_heads == 12);
  BOOST_TEST(m.norm_epsilon == 1e-5);
  BOOST_TEST(parse(with(kGpt2, "n_inner", "null")).feed_forward == 4 * 768);
  BOOST_TEST(parse(with(kGpt2, "n_inner", "96")).feed_forward == 96);
  BOOST_TEST(!parse(with(kGpt2, "tie_word_embeddings", "false")).tied_embeddings);
}

// 6 T A D of causal attention a layer and 6 elements of its matrices, and the head; positions are looked up.
BOOST_AUTO_TEST_CASE(flops_of_gpt2_count_products_only) {
  const ModelSpec m = parse(kGpt2);
  const double matrices = 12.0 * 12 * 768 * 768 + 50257.0 * 768;
  const FlopsPerToken flops = training_flops_per_token(m, 1024);
  BOOST_TEST(flops.megatron == 6 * matrices + 6.0 * 12 * 1024 * 768);
  BOOST_TEST(flops.six_n - (flops.non_causal - 12.0 * 12 * 1024 * 768) == 6.0 * 1024 * 768);
}

// Left out, a field means what Hugging Face's configuration classes say, which differ by family.
BOOST_AUTO_TEST_CASE(what_a_family_leaves_out_is_hugging_faces_default) {
  BOOST_TEST(parse(kQwen2).max_sequence == 32768);
  BOOST_TEST(parse(kQwen3).max_sequence == 32768);
  BOOST_TEST(parse(kMistral).max_sequence == 131072);
  for (const Fields& rotary : {kQwen2, kQwen3, kMistral}) {
    BOOST_TEST(parse(rotary).norm_epsilon == 1e-6);
    BOOST_TEST(parse(rotary).rope_theta == 10000.0);
    BOOST_TEST(!parse(rotary).tied_embeddings);
  }
  Fields gpt2 = kGpt2;
  gpt2.erase("layer_norm_epsilon");
  BOOST_TEST(parse(gpt2).norm_epsilon == 1e-5);
  gpt2.erase("n_positions");
  expect_refusal([&] { parse(gpt2); }, "n_positions is missing");
  Fields mistral = kMistral;
  mistral.erase("num_key_value_heads");
  expect_refusal([&] { parse(mistral); }, "num_key_value_heads is missing");
}

// Qwen2.5-0.5B has use_mrope, gpt2-medium the other two, of a head for special tokens that is gone.
BOOST_AUTO_TEST_CASE(what_published_files_say_beside_is_taken) {
  BOOST_TEST((parse(with(kQwen2, "use_mrope", "false")) == parse(kQwen2)));
  expect_refused(kQwen2, "use_mrope", "true", "not in this version");
  BOOST_TEST((parse(with(with(kGpt2, "n_special", "0"), "predict_special_tokens", "true")) == parse(kGpt2)));
  expect_refused(kGpt2, "n_special", "3", "not in this version");
}

BOOST_AUTO_TEST_CASE(what_changes_the_mathematics_of_a_family_is_refused) {
  for (const Fields& qwen : {kQwen2, kQwen3}) {
    expect_refused(qwen, "use_sliding_window", "true", "not in this version");
    expect_refused(qwen, "layer_types", "[\"full_attention\",\n\"sliding_attention\"]", "layer_types.1 is");
    expect_refused(qwen, "layer_types", "3", "not in this version");
    expect_refused(qwen, "hidden_act", "\"gelu\"", "not in this version");
    expect_refused(qwen, "rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 4.0}", "not in this version");
    expect_refused(qwen, "num_key_value_heads", "null", "num_key_value_heads is missing");
    BOOST_CHECK_NO_THROW(parse(with(qwen, "layer_types", "[\"full_attention\", \"full_attention\"]")));
    BOOST_CHECK_NO_THROW(parse(with(with(qwen, "sliding_window", "4096"), "max_window_layers", "28")));
  }
  expect_refused(kQwen3, "attention_bias", "true", "not in this version");
  expect_refused(kQwen3, "head_dim", "null", "head_dim is missing");
  expect_refused(kQwen2, "architectures", "[\"Qwen3ForCausalLM\"]", "not in this version");
  const std::pair<const char*, const char*> of_gpt2[] = {
      {"activation_function", "\"gelu\""}, {"scale_attn_weights", "false"}, {"scale_attn_by_inverse_layer_idx", "true"},
      {"reorder_and_upcast_attn", "true"}, {"add_cross_attention", "true"}, {"architectures", "[\"GPT2Model\"]"},
  };
  for (const auto& [name, value] : of_gpt2) expect_refused(kGpt2, name, value, "not in this version");
}

BOOST_AUTO_TEST_CASE(a_gpt2_that_contradicts_itself_is_refused) {
  expect_refused(kGpt2, "n_ctx", "2048", "but n_positions is 1024");
  expect_refused(kGpt2, "n_head", "7", "n_embd 768 is no multiple of 7 n_head");
  expect_refused(kGpt2, "hidden_size", "768", "the field hidden_size is not known");
  expect_refused(kGpt2, "rope_theta", "1e4", "the field rope_theta is not known");
  Fields vast = with(with(kGpt2, "n_layer", "100000"), "n_embd", "16777212");
  expect_refusal([&] { parse(vast); }, "parameters (more than");
  // The positions alone: one layer of it is within the bound.
  Fields vast_table = with(with(with(kGpt2, "n_embd", "16777212"), "n_layer", "1"), "n_inner", "1");
  BOOST_CHECK_NO_THROW(parse(vast_table));
  vast_table["n_positions"] = "1073741824";
  vast_table.erase("n_ctx");
  expect_refusal([&] { parse(vast_table); }, "parameters (more than");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace scalebench
