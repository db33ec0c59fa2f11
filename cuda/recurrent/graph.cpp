// SPDX-License-Identifier: MIT
// The launches of a pass as a CUDA graph: one launch instead of T products and T kernels.
#include "../runtime.hpp"

#include <rondo/cuda/recurrent.hpp>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

/// Two lengths of sequences, or those of training and evaluation, alternate; more would hold memory for little.
constexpr std::size_t kMostEntries = 4;

void destroy(CUgraphExec_st* executable) {
  if (executable) cudaGraphExecDestroy(executable);
}

}  // namespace

GraphCache::~GraphCache() {
  for (const Entry& entry : entries_) destroy(entry.executable);
}

std::uint64_t GraphCache::context_number() { return context().number; }

bool GraphCache::caller_captures() { return is_captured(context().stream); }

void GraphCache::launch(CUgraphExec_st* executable) {
  check(cudaGraphLaunch(executable, context().stream), "cudaGraphLaunch");
}

void GraphCache::add(Entry entry) {
  if (entries_.size() == kMostEntries) {
    destroy(entries_.front().executable);
    entries_.erase(entries_.begin());
  }
  entries_.push_back(std::move(entry));
}

/// The context's work goes to the stream for captures.
struct GraphCache::Capture::State {
  State() : caller(context().stream) {
    Context::Impl& current = context();
    if (!current.capture_stream)
      check(cudaStreamCreateWithFlags(&current.capture_stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    current.set_stream(current.capture_stream);
  }
  ~State() {
    try {
      context().set_stream(caller);
    } catch (const error&) {  // the next call reports it
    }
  }

  cudaStream_t caller;
  bool finished = false;
};

GraphCache::Capture::Capture() : state_(std::make_unique<State>()) {
  check(cudaStreamBeginCapture(context().stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}

GraphCache::Capture::~Capture() {
  if (!state_ || state_->finished) return;
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(context().stream, &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
  cudaGetLastError();
}

CUgraphExec_st* GraphCache::Capture::finish() {
  state_->finished = true;
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(context().stream, &graph), "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
  state_.reset();  // back to the caller's stream, on which the graph is launched
  return executable;
}

}  // namespace rondo::inline RONDO_ABI::cuda
