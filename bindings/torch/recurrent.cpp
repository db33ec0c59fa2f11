// SPDX-License-Identifier: MIT
// One LSTM layer in one direction for PyTorch: forward and backward on tensors, without a copy of sequences. A tensor
// T x B x C of PyTorch has the memory of a Sequence, C x B x T. Weights are expected as PyTorch's, transposed:
// column-major matrices of Rondo. autograd is in rondo/lstm.py. Legend: C input features, H hidden units, P outputs, B
// batch, T time steps, D directions.
#include <torch/extension.h>

#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/threads.hpp>
#include <rondo/layers/recurrent_checks.hpp>
#include <rondo/math/cells/lstm.hpp>

#ifdef RONDO_TORCH_CUDA
#include <c10/cuda/CUDAStream.h>
#include <rondo/cuda.hpp>

#include <map>
#endif

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using rondo::Index;
using rondo::LstmCell;
using torch::Tensor;

rondo::Precision precision_of(const std::string& name) {
  if (const auto precision = rondo::precision_named(name)) return *precision;
  throw std::invalid_argument("rondo.LSTM: precision is '" + name + "', wanted fp32, bf16, and on CUDA tf32 or fp16");
}

/// The memory of a contiguous tensor; null for an undefined one.
template <class T, class Scalar = std::remove_const_t<T>>
T* data_of(const Tensor& t) {
  return t.defined() ? t.data_ptr<Scalar>() : nullptr;
}

/// A contiguous tensor of n x m values (or of n) as an m x n matrix (or a column of n).
template <class T>
rondo::MatrixView<T> matrix(const Tensor& t) {
  if (!t.defined()) return {};
  TORCH_CHECK(t.is_contiguous(), "rondo.LSTM: a tensor is not contiguous");
  const Index rows = t.size(-1), cols = t.dim() > 1 ? t.numel() / std::max<Index>(rows, 1) : 1;
  return {data_of<T>(t), rows, cols, rows};
}

/// Rows [first, first + count) of the last dimension of a contiguous T x B x N tensor.
template <class T>
rondo::SequenceView<T> rows_of(const Tensor& t, Index first, Index count, const std::vector<Index>& lengths) {
  TORCH_CHECK(t.is_contiguous() && t.dim() == 3, "rondo.LSTM: a sequence is not a contiguous T x B x N tensor");
  const rondo::MatrixView<T> all{data_of<T>(t), t.size(2), t.size(0) * t.size(1), t.size(2)};
  return {all.row_block(first, count), {t.size(1), t.size(0), lengths}};
}

/// Weights of one direction as Rondo lays them out: W (C x 4H in PyTorch's order of dimensions, transposed), R (P x
/// 4H), b (4H), projection (H x P). Undefined ones are absent.
struct Weights {
  Tensor W, R, b, projection;

  template <class T>
  rondo::RecurrentWeights<T> views() const {
    const Index H = W.size(1) / LstmCell::kGates;
    rondo::RecurrentWeights<T> all{.shape = {W.size(0), H, R.size(0), LstmCell::kGates}};
    const auto transposed = [](const Tensor& t) -> rondo::MatrixView<T> {
      if (!t.defined()) return {};
      TORCH_CHECK(t.is_contiguous(), "rondo.LSTM: a weight is not contiguous");
      return {data_of<T>(t), t.size(1), t.size(0), t.size(1)};
    };
    all.W = transposed(W), all.R = transposed(R), all.projection = transposed(projection);
    if (b.defined()) all.b = {data_of<T>(b), b.size(0), 1, b.size(0)};
    return all;
  }
};

/// The activations that a backward pass needs. Python holds it from one to the other.
class Saved {
 public:
  virtual ~Saved() = default;
};

template <class Scalar, class Device>
class SavedCache : public Saved {
 public:
  rondo::RecurrentCache<Scalar, Device> cache;
  const void* stream = nullptr;  // whose work uses the buffers; null on the CPU
};

/// The stream of the calling thread's context.
const void* stream_of(rondo::Cpu) { return nullptr; }
#ifdef RONDO_TORCH_CUDA
const void* stream_of(rondo::Cuda) { return rondo::cuda::Context::current().stream(); }
#endif

/// Activations that are not in use: the next pass on the same stream takes them, so that a training loop stops
/// allocating.
template <class Scalar, class Device>
class Pool {
 public:
  using Cache = SavedCache<Scalar, Device>;

  static std::shared_ptr<Cache> take() {
    std::unique_ptr<Cache> cache;
    {
      const std::lock_guard guard(lock());
      const auto found = std::find_if(unused().begin(), unused().end(),
                                      [&](const auto& c) { return c->stream == stream_of(Device{}); });
      if (found != unused().end()) {
        cache = std::move(*found);
        unused().erase(found);
      }
    }
    if (!cache) cache = std::make_unique<Cache>();
    cache->stream = stream_of(Device{});
    return {cache.release(), [](Cache* done) {
              std::unique_ptr<Cache> owned(done);
              const std::lock_guard guard(lock());
              if (unused().size() < kMost) unused().push_back(std::move(owned));
            }};
  }
  static void clear() {
    const std::lock_guard guard(lock());
    unused().clear();
  }

 private:
  static constexpr std::size_t kMost = 16;  // layers times directions of a usual network

  // Never destroyed: Python may end after the destructors of this module's objects.
  static std::mutex& lock() {
    static auto* const mutex = new std::mutex;
    return *mutex;
  }
  static std::vector<std::unique_ptr<Cache>>& unused() {
    static auto* const caches = new std::vector<std::unique_ptr<Cache>>;
    return *caches;
  }
};

void release_memory() {
  Pool<float, rondo::Cpu>::clear(), Pool<double, rondo::Cpu>::clear();
#ifdef RONDO_TORCH_CUDA
  Pool<float, rondo::Cuda>::clear(), Pool<double, rondo::Cuda>::clear();
#endif
}

/// One pass over one layer in one direction; `x` T x B x C, `y` T x B x N, of which this direction writes P from `row`.
struct Pass {
  Tensor x, y;
  Index row;
  Weights weights;
  std::vector<Index> lengths;  // empty: all have T steps
  rondo::PassOptions options;
};

/// h, c (B x P, B x H): initial state; h_n, c_n: the final one.
template <class Scalar, class Device>
std::shared_ptr<Saved> forward_on(Device device, const Pass& p, const Tensor& h, const Tensor& c, const Tensor& h_n,
                                  const Tensor& c_n) {
  const auto w = p.weights.views<const Scalar>();
  auto saved = Pool<Scalar, Device>::take();
  auto& cache = saved->cache;
  const auto x = rows_of<const Scalar>(p.x, 0, p.x.size(2), p.lengths);
  const auto y = rows_of<Scalar>(p.y, p.row, w.shape.output, p.lengths);
  cache.template resize<LstmCell>(w.shape, x.extent, p.options.precision);
  copy(device, matrix<const Scalar>(h), cache.h0.at(0));
  copy(device, matrix<const Scalar>(c), cache.c0.at(0));
  recurrent_forward(device, LstmCell{}, p.options, w, rondo::RecurrentInput<Scalar, Device>(x), y, cache);
  recurrent_final_state(device, LstmCell{}, p.options.direction, rondo::SequenceView<const Scalar>(y), cache,
                        matrix<Scalar>(h_n), matrix<Scalar>(c_n));
  return saved;
}

/// dy: T x B x N. dh, dc: gradient of the final state on entry, of the initial one on return. Adds to `grad`, and
/// writes or, with `add`, adds to dx (undefined: not wanted).
template <class Scalar, class Device>
void backward_on(Device device, const Pass& p, Saved& saved, const Tensor& dy, const Tensor& dh, const Tensor& dc,
                 const Weights& grad, const Tensor& dx, bool add) {
  auto& cache = dynamic_cast<SavedCache<Scalar, Device>&>(saved).cache;
  const auto w = p.weights.views<const Scalar>();
  const auto x = rows_of<const Scalar>(p.x, 0, p.x.size(2), p.lengths);
  const auto y = rows_of<Scalar>(p.y, p.row, w.shape.output, p.lengths);
  const auto dy_rows = rows_of<const Scalar>(dy, p.row, w.shape.output, p.lengths);
  rondo::RecurrentInputGradient<Scalar, Device> to;
  if (dx.defined()) to = {.dx = rows_of<Scalar>(dx, 0, dx.size(2), {}).flat, .add = add};
  recurrent_backward(device, LstmCell{}, p.options, w, rondo::RecurrentInput<Scalar, Device>(x), y, dy_rows, cache,
                     grad.views<Scalar>(), matrix<Scalar>(dh), matrix<Scalar>(dc), to);
}

#ifdef RONDO_TORCH_CUDA
/// The context of PyTorch's current stream of a device.
rondo::cuda::Context& context_of(const Tensor& x) {
  thread_local std::map<cudaStream_t, std::unique_ptr<rondo::cuda::Context>> contexts;
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream(x.device().index()).stream();
  auto& context = contexts[stream];
  if (!context) context = std::make_unique<rondo::cuda::Context>(stream);
  return *context;
}
#endif

/// f.template operator()<Scalar>(device) for the type and device of x.
template <class F>
auto with_type_of(const Tensor& x, F&& f) {
  const bool wide = x.scalar_type() == torch::kDouble;
  TORCH_CHECK(wide || x.scalar_type() == torch::kFloat, "rondo.LSTM: the input is ", x.scalar_type(),
              ", wanted float32 or float64");
  if (x.is_cuda()) {
#ifdef RONDO_TORCH_CUDA
    const rondo::cuda::ContextGuard use(context_of(x));
    return wide ? f.template operator()<double>(rondo::Cuda{}) : f.template operator()<float>(rondo::Cuda{});
#else
    TORCH_CHECK(false, "rondo.LSTM: the input is on ", x.device(), ", but this extension was built for the CPU only");
#endif
  }
  TORCH_CHECK(x.is_cpu(), "rondo.LSTM: the input is on ", x.device(), ", wanted a CPU or CUDA device");
  rondo::set_num_threads(at::get_num_threads());
  return wide ? f.template operator()<double>(rondo::Cpu{}) : f.template operator()<float>(rondo::Cpu{});
}

std::shared_ptr<Saved> forward(const Pass& p, const Tensor& h, const Tensor& c, const Tensor& h_n, const Tensor& c_n) {
  const py::gil_scoped_release release;
  return with_type_of(p.x, [&]<class Scalar>(auto device) { return forward_on<Scalar>(device, p, h, c, h_n, c_n); });
}

void backward(const Pass& p, Saved& saved, const Tensor& dy, const Tensor& dh, const Tensor& dc, const Weights& grad,
              const std::optional<Tensor>& dx, bool add) {
  const py::gil_scoped_release release;
  with_type_of(p.x, [&]<class Scalar>(auto device) {
    backward_on<Scalar>(device, p, saved, dy, dh, dc, grad, dx.value_or(Tensor{}), add);
  });
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  module.doc() = "The passes of rondo.LSTM";
  py::class_<Saved, std::shared_ptr<Saved>>(module, "Saved");
  py::class_<Weights>(module, "Weights")
      .def(py::init([](const Tensor& W, const Tensor& R, std::optional<Tensor> b, std::optional<Tensor> projection) {
             return Weights{W, R, b.value_or(Tensor{}), projection.value_or(Tensor{})};
           }),
           py::arg("W"), py::arg("R"), py::arg("b"), py::arg("projection"));
  py::class_<Pass>(module, "Pass")
      .def(py::init([](const Tensor& x, const Tensor& y, Index row, const Weights& weights, std::vector<Index> lengths,
                       bool reverse, const std::string& precision) {
             return Pass{x,
                         y,
                         row,
                         weights,
                         std::move(lengths),
                         {.direction = reverse ? rondo::Direction::reverse : rondo::Direction::forward,
                          .precision = precision_of(precision)}};
           }),
           py::arg("x"), py::arg("y"), py::arg("row"), py::arg("weights"), py::arg("lengths"), py::arg("reverse"),
           py::arg("precision"));
  module.def("forward", &forward, "Writes y, h_n and c_n; returns what backward needs");
  module.def("release_memory", &release_memory, "Frees the activations that no pass uses");
  module.def("backward", &backward, "Replaces dh and dc by the gradients of the initial state; adds to the gradients");
}
