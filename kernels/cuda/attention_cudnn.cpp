// Through cuDNN's frontend, the only file that reads it: it takes 25 s and 1 GB to compile.
#include "kernels/cuda/attention_cudnn.hpp"

#include <exception>
#include <map>
#include <unordered_map>
#include <vector>

#include <cudnn_frontend.h>
#include <dlfcn.h>

// Of libcudnn, which is opened where attention is first asked for.
void* cudnn_frontend::cudnn_dlhandle = nullptr;

namespace scalebench::cuda {

namespace {

namespace fe = cudnn_frontend;
namespace graph = cudnn_frontend::graph;
using Value = std::shared_ptr<graph::Tensor_attributes>;

enum Operand : std::int64_t { query = 1, key, value, output, statistics, d_output, d_query, d_key, d_value };

// [B, heads, T, D] as the frontend wants it said, of rows [B T, heads, D].
graph::Tensor_attributes rows_of_heads(Operand operand, const CudnnShape& shape, std::int64_t heads,
                                       const CudnnShape::Strides& strides) {
  return graph::Tensor_attributes()
      .set_uid(operand)
      .set_dim({shape.sequences, heads, shape.length, shape.size})
      .set_stride({shape.length * strides.row, strides.head, strides.row, 1})
      .set_data_type(shape.dtype == DType::f16 ? fe::DataType_t::HALF : fe::DataType_t::BFLOAT16);
}
graph::Tensor_attributes statistics_of(const CudnnShape& shape) {
  return graph::Tensor_attributes()
      .set_uid(statistics)
      .set_dim({shape.sequences, shape.heads, shape.length, 1})
      .set_stride({shape.heads * shape.length, shape.length, 1, 1})
      .set_data_type(fe::DataType_t::FLOAT);
}
void becomes_output(const Value& tensor, const graph::Tensor_attributes& as) {
  tensor->set_output(true).set_uid(as.get_uid()).set_dim(as.get_dim()).set_stride(as.get_stride());
  tensor->set_data_type(as.get_data_type());
}

template <class Attributes>
Attributes causal(Attributes attributes, const CudnnShape& shape) {
  attributes.set_attn_scale(static_cast<float>(shape.scale))
      .set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT)
      .set_diagonal_band_right_bound(0);
  if (shape.window > 0 && shape.window < shape.length)
    attributes.set_diagonal_band_left_bound(static_cast<int>(shape.window));
  return attributes;
}

void add_forward(graph::Graph& to, const CudnnShape& shape) {
  const auto [out, sums] =
      to.sdpa(to.tensor(rows_of_heads(query, shape, shape.heads, shape.query)),
              to.tensor(rows_of_heads(key, shape, shape.kv_heads, shape.key)),
              to.tensor(rows_of_heads(value, shape, shape.kv_heads, shape.value)),
              causal(graph::SDPA_attributes().set_name("attention").set_generate_stats(true), shape));
  becomes_output(out, rows_of_heads(output, shape, shape.heads, shape.output));
  becomes_output(sums, statistics_of(shape));
}

void add_backward(graph::Graph& to, const CudnnShape& shape) {
  const auto [of_query, of_key, of_value] = to.sdpa_backward(
      to.tensor(rows_of_heads(query, shape, shape.heads, shape.query)),
      to.tensor(rows_of_heads(key, shape, shape.kv_heads, shape.key)),
      to.tensor(rows_of_heads(value, shape, shape.kv_heads, shape.value)),
      to.tensor(rows_of_heads(output, shape, shape.heads, shape.output)),
      to.tensor(rows_of_heads(d_output, shape, shape.heads, shape.d_output)), to.tensor(statistics_of(shape)),
      causal(graph::SDPA_backward_attributes().set_name("attention_backward"), shape));
  becomes_output(of_query, rows_of_heads(d_query, shape, shape.heads, shape.d_query));
  becomes_output(of_key, rows_of_heads(d_key, shape, shape.kv_heads, shape.d_key));
  becomes_output(of_value, rows_of_heads(d_value, shape, shape.kv_heads, shape.d_value));
}

}  // namespace

struct CudnnAttention::Plan {
  graph::Graph graph{};
  std::string refusal{};
  std::int64_t workspace = 0;
};

struct CudnnAttention::Library {
  cudnnHandle_t handle = nullptr;
  int version = 0;  // of the GPU, 900 for 9.0
  std::shared_ptr<fe::DeviceProperties> properties{};
  std::string refusal{};
  std::map<CudnnShape, Plan> plans{};

  Library() {
    if (fe::cudnn_dlhandle == nullptr) fe::cudnn_dlhandle = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
    if (fe::cudnn_dlhandle == nullptr) refusal = "libcudnn.so.9 is not found";
  }

  // What the frontend returns or throws becomes the reason of a refusal.
  static std::string reason(const auto& work) {
    try {
      fe::error_t status = work();
      if (status.is_good()) return "";
      return status.get_message().empty() ? "cuDNN does not say why" : status.get_message();
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  std::string build(const CudnnShape& shape, Plan& plan) const {
    return reason([&] {
      graph::Graph& graph = plan.graph;
      graph.set_intermediate_data_type(fe::DataType_t::FLOAT).set_compute_data_type(fe::DataType_t::FLOAT);
      graph.set_sm_version(version / 10);  // else the frontend looks for it, through a CUDA runtime of its own
      if (properties) graph.set_device_properties(properties);
      // The frontend then copies lengths from memory of its own that a captured graph would find freed.
      if (shape.backward && shape.length % 128 != 0 && fe::detail::get_backend_version() <= 91500)
        return fe::error_t{fe::error_code_t::GRAPH_NOT_SUPPORTED, "cuDNN 9.16 or later is needed for such lengths"};
      shape.backward ? add_backward(graph, shape) : add_forward(graph, shape);
      const std::vector<fe::HeurMode_t> modes{fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK};
      const fe::error_t status = properties ? graph.build(modes) : graph.build(handle, modes);
      return status.is_good() ? graph.get_workspace_size(plan.workspace) : status;
    });
  }
};

CudnnAttention::CudnnAttention(cudaStream_t stream) : library_(std::make_unique<Library>()) {
  if (!library_->refusal.empty()) return;
  library_->refusal = Library::reason([&]() -> fe::error_t {
    int device = 0, major = 0, minor = 0;
    if (cudaGetDevice(&device) != cudaSuccess ||
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) != cudaSuccess)
      return {fe::error_code_t::CUDA_API_FAILED, "CUDA does not tell the GPU's version"};
    library_->version = 100 * major + 10 * minor;
    if (fe::detail::create_handle(&library_->handle) != CUDNN_STATUS_SUCCESS ||
        fe::detail::set_stream(library_->handle, stream) != CUDNN_STATUS_SUCCESS)
      return {fe::error_code_t::HANDLE_ERROR, "cuDNN cannot use this GPU"};
    return {};
  });
}

CudnnAttention::CudnnAttention(const PaperGpu& gpu) : library_(std::make_unique<Library>()) {
  if (!library_->refusal.empty()) return;
  library_->version = gpu.version;
  library_->properties = std::make_shared<fe::DeviceProperties>();
  library_->refusal = Library::reason([&] {
    return library_->properties->deserialize({gpu.properties.begin(), gpu.properties.end()});
  });
}

CudnnAttention::~CudnnAttention() {
  // What it frees waits for the GPU, which may never come to the end of its work while an error is on its way.
  if (std::uncaught_exceptions() > 0) {
    library_.release();
    return;
  }
  library_->plans.clear();
  if (library_->handle != nullptr) fe::detail::destroy_handle(library_->handle);
}

CudnnAttention::Plan& CudnnAttention::plan(const CudnnShape& shape) {
  const auto [found, is_new] = library_->plans.try_emplace(shape);
  Plan& plan = found->second;
  if (is_new) plan.refusal = library_->refusal.empty() ? library_->build(shape, plan) : library_->refusal;
  return plan;
}

std::string CudnnAttention::refusal(const CudnnShape& shape) { return plan(shape).refusal; }
std::size_t CudnnAttention::workspace(const CudnnShape& shape) {
  return static_cast<std::size_t>(plan(shape).workspace);
}

bool CudnnAttention::run(const CudnnShape& shape, const CudnnOperands& operands, void* workspace) {
  std::unordered_map<std::int64_t, void*> places{{query, operands.query},
                                                 {key, operands.key},
                                                 {value, operands.value},
                                                 {output, operands.output},
                                                 {statistics, operands.statistics}};
  if (shape.backward) {
    places[d_output] = operands.d_output;
    places[d_query] = operands.d_query, places[d_key] = operands.d_key, places[d_value] = operands.d_value;
  }
  Plan& plan = this->plan(shape);
  return plan.refusal.empty() &&
         Library::reason([&] { return plan.graph.execute(library_->handle, places, workspace); }).empty();
}

}  // namespace scalebench::cuda
