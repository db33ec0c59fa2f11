// SPDX-License-Identifier: MIT
// Training over MPI: MpiSession starts and ends MPI, MpiCommunicator is the Communicator. Opt-in: link rondo::mpi.
//
//   rondo::MpiSession mpi;
//   rondo::DataParallel<float> parallel(model, mpi.ranks());
#pragma once

#include <rondo/distributed/communicator.hpp>
#include <rondo/distributed/mpi_operations.hpp>
#include <rondo/distributed/mpi_requests.hpp>
#include <rondo/version.hpp>

#include <mpi.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// Options of MpiCommunicator.
struct MpiOptions {
  std::chrono::milliseconds timeout{60'000};  ///< a rank that does not answer for so long is given up
  std::function<bool()> stop = {};  ///< asked while this rank waits; true: the program was told to end, and other ranks
                                    ///< that do not answer within five seconds are given up
};

/// The ranks of an MPI communicator. A thread of its own drives the sums while the program computes, if MPI was
/// initialised with MPI_THREAD_SERIALIZED or more; else they progress only in wait(). The program itself must not call
/// MPI at the same time unless it was initialised with MPI_THREAD_MULTIPLE.
class MpiCommunicator final : public Communicator {
 public:
  /// Uses a duplicate of `comm`. Collective. Throws communication_error. If a rank has another version of Rondo, all
  /// that follows throws it, on every rank: there the program expects it.
  explicit MpiCommunicator(MPI_Comm comm, MpiOptions options = {}) : options_(std::move(options)) {
    detail::require_mpi(MPI_Comm_dup(comm, &group_.comm), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(group_.comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(group_.comm, &group_.rank);
    MPI_Comm_size(group_.comm, &group_.size);
    receive_reason();
    require_same_version();
    int threads = MPI_THREAD_SINGLE;
    MPI_Query_thread(&threads);
    if (threads >= MPI_THREAD_SERIALIZED && group_.size > 1) driver_ = std::thread([this] { drive(); });
  }
  ~MpiCommunicator() override {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    wake_.notify_all();
    if (driver_.joinable()) driver_.join();
    if (failed()) return;  // messages may still be under way
    if (reason_request_ != MPI_REQUEST_NULL) {
      MPI_Cancel(&reason_request_);
      MPI_Wait(&reason_request_, MPI_STATUS_IGNORE);
    }
    MPI_Comm_free(&group_.comm);
  }

  int rank() const override { return group_.rank; }  ///< number of this process
  int size() const override { return group_.size; }  ///< N

  /// See Communicator.
  std::unique_ptr<AllReduce> make_all_reduce(std::span<float> values, Precision precision) override {
    if (precision == Precision::fp32) return std::make_unique<Sum<detail::MpiAllReduce<float>>>(*this, values);
    if (precision == Precision::bf16)
      return std::make_unique<Sum<detail::MpiAllReduce<float, std::uint16_t>>>(*this, values);
    throw error(detail::concat("MpiCommunicator: gradients travel as fp32 or bf16, not as ", name(precision)));
  }
  /// See Communicator.
  std::unique_ptr<AllReduce> make_all_reduce(std::span<double> values) override {
    return std::make_unique<Sum<detail::MpiAllReduce<double>>>(*this, values);
  }

  /// See Communicator.
  void broadcast(std::span<std::byte> bytes, int from) override {
    detail::MpiBroadcast broadcast(group_, next_tag(), bytes, from);
    run(broadcast);
  }
  /// See Communicator.
  std::vector<std::byte> gather(std::span<const std::byte> bytes) override {
    std::vector<std::byte> all(bytes.size() * static_cast<std::size_t>(group_.size));
    std::ranges::copy(bytes, all.begin() + static_cast<std::ptrdiff_t>(bytes.size()) * group_.rank);
    detail::MpiGather gather(group_, next_tag(), all);
    run(gather);
    return all;
  }

  /// See Communicator. Waits at most a second for the others to receive it.
  void fail(const std::string& reason) noexcept override {
    try {
      const std::lock_guard lock(mutex_);
      if (!failure_.empty()) return;
      failure_ = "rank " + std::to_string(group_.rank) + ": " + reason;
      Reason text{};
      std::ranges::copy_n(failure_.begin(), static_cast<std::ptrdiff_t>(std::min(failure_.size(), text.size() - 1)),
                          text.begin());
      detail::MpiRequests requests(group_.comm);
      group_.for_each_other([&](int r) { requests.send(std::as_bytes(std::span(text)), r, kReasonTag); });
      wait_for(requests, std::chrono::seconds(1));
    } catch (...) {  // the others will time out
    }
  }

  /// Whether a rank has failed; then nothing more can be done with this communicator.
  bool failed() const {
    const std::lock_guard lock(mutex_);
    return !failure_.empty();
  }

  /// After a failure: waits until every rank has come here, at most five seconds. Before it a rank prints why it ends.
  void wait_for_others_to_fail() noexcept {
    try {
      const std::lock_guard lock(mutex_);
      detail::MpiRequests requests(group_.comm);
      std::byte here{};
      std::vector<std::byte> others(static_cast<std::size_t>(group_.size));
      group_.for_each_other([&](int r) {
        requests.receive(std::span(others).subspan(static_cast<std::size_t>(r), 1), r, kEndTag);
        requests.send(std::span(&here, 1), r, kEndTag);
      });
      wait_for(requests, kPatienceAtEnd);
    } catch (...) {  // they are given up
    }
  }

  /// See Communicator.
  std::size_t bytes_sent() const override {
    const std::lock_guard lock(mutex_);
    return bytes_sent_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Reason = std::array<char, 480>;
  static constexpr int kReasonTag = 0;                      // operations have those from 2 on
  static constexpr int kEndTag = 1;                         // of wait_for_others_to_fail
  static constexpr std::chrono::microseconds kNap{50};      // between two looks at messages
  static constexpr std::chrono::seconds kPatienceAtEnd{5};  // with other ranks, once the program is to end

  /// Another rank has failed, but what this one waits for may still arrive and show the same failure.
  static constexpr std::chrono::milliseconds kPatienceWithReason{200};

  /// A sum that can be started again and again.
  template <class Operation>
  class Sum final : public AllReduce {
   public:
    template <class T>
    Sum(MpiCommunicator& ranks, std::span<T> values)
        : ranks_(ranks), operation_(ranks.group_, ranks.next_tag(), values) {}
    ~Sum() override { ranks_.forget(operation_); }
    void start() override { ranks_.start(operation_); }
    void wait() override { ranks_.wait(operation_); }
    void clear_rounding() override { operation_.clear_rounding(); }

   private:
    MpiCommunicator& ranks_;
    Operation operation_;
  };

  int next_tag() {
    // The smallest upper bound of tags that MPI allows is 32767. A tag may be used again when its operation is
    // complete.
    const std::lock_guard lock(mutex_);
    operations_ = (operations_ + 1) % 16000;
    return 2 * operations_ + 2;
  }

  void start(detail::MpiOperation& operation) {
    {
      const std::lock_guard lock(mutex_);
      require_no_failure();
      operation.start_clock();
      operation.begin();
      active_.push_back(&operation);
    }
    wake_.notify_all();
  }

  void wait(detail::MpiOperation& operation) {
    std::unique_lock lock(mutex_);
    while (std::ranges::find(active_, &operation) != active_.end()) {
      progress();
      require_no_failure();
      lock.unlock();
      std::this_thread::sleep_for(kNap);
      lock.lock();
    }
    require_no_failure();
  }

  void run(detail::MpiOperation& operation) {
    start(operation);
    wait(operation);
  }

  /// Before an operation is destroyed: its messages must have arrived.
  void forget(detail::MpiOperation& operation) noexcept {
    try {
      wait(operation);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      std::erase(active_, &operation);
    }
  }

  /// The thread: drives operations while there are some.
  void drive() {
    std::unique_lock lock(mutex_);
    while (!ended_) {
      if (active_.empty() || !failure_.empty()) {
        wake_.wait(lock);
        continue;
      }
      progress();
      lock.unlock();
      std::this_thread::sleep_for(2 * kNap);
      lock.lock();
    }
  }

  /// Moves every operation on as far as it goes. With the mutex locked.
  void progress() {
    if (!failure_.empty()) return;
    try {
      std::erase_if(active_, [&](detail::MpiOperation* operation) {
        const bool complete = operation->advance();
        bytes_sent_ += operation->take_bytes_sent();
        return complete;
      });
      if (reason_request_ != MPI_REQUEST_NULL) {
        int arrived = 0;
        detail::require_mpi(MPI_Test(&reason_request_, &arrived, MPI_STATUS_IGNORE), "MPI_Test");
        if (arrived) reason_arrived_ = Clock::now();
      } else if (!active_.empty() && Clock::now() - reason_arrived_ > kPatienceWithReason) {
        failure_ = reason_.data();
        return;
      }
      const bool stop = options_.stop && options_.stop();
      const Clock::duration patience =
          stop ? std::min<Clock::duration>(kPatienceAtEnd, options_.timeout) : options_.timeout;
      for (const detail::MpiOperation* operation : active_)
        if (operation->without_progress() > patience)
          failure_ = detail::concat("no answer from ", operation->waits_for(), " for ",
                                    std::chrono::duration<double>(patience).count(), " s",
                                    stop ? " after the signal to end" : "");
    } catch (const std::exception& e) {
      failure_ = e.what();
    }
  }

  void require_no_failure() const {
    if (!failure_.empty()) throw communication_error(failure_);
  }

  /// Waits until all messages have arrived, at most `patience`.
  static void wait_for(detail::MpiRequests& requests, Clock::duration patience) {
    const auto end = Clock::now() + patience;
    while (!requests.test() && Clock::now() < end) std::this_thread::sleep_for(kNap);
  }

  void require_same_version() {
    const std::array version{RONDO_VERSION_MAJOR, RONDO_VERSION_MINOR, RONDO_VERSION_PATCH};
    try {
      require_same(*this, version, "another version of Rondo");
    } catch (const communication_error& e) {
      failure_ = e.what();
    }
  }

  void receive_reason() {
    detail::require_mpi(MPI_Irecv(reason_.data(), static_cast<int>(reason_.size()), MPI_CHAR, MPI_ANY_SOURCE,
                                  kReasonTag, group_.comm, &reason_request_),
                        "MPI_Irecv");
  }

  MpiOptions options_;
  detail::MpiGroup group_{};
  mutable std::mutex mutex_;  // of all below, and of all calls of MPI
  std::condition_variable wake_;
  std::vector<detail::MpiOperation*> active_;
  std::string failure_;
  int operations_ = 0;
  std::size_t bytes_sent_ = 0;
  Reason reason_{};
  MPI_Request reason_request_ = MPI_REQUEST_NULL;  // complete: reason_ has arrived
  Clock::time_point reason_arrived_;
  bool ended_ = false;
  std::thread driver_;
};

/// MPI from its start to its end, and the ranks of MPI_COMM_WORLD. One per program. If a rank fails, the end is
/// MPI_Abort: the launcher ends all ranks.
class MpiSession {
 public:
  /// Initialises MPI. Collective. Throws communication_error.
  explicit MpiSession(MpiOptions options = {}) {
    int provided = MPI_THREAD_SINGLE;
    detail::require_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    ranks_ = std::make_unique<MpiCommunicator>(MPI_COMM_WORLD, std::move(options));
  }
  ~MpiSession() {
    if (std::uncaught_exceptions() > exceptions_) ranks_->fail("stopped by an error");
    if (ranks_->failed()) {
      ranks_->wait_for_others_to_fail();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));  // the launcher reads what they have printed
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
    ranks_.reset();
    MPI_Finalize();
  }
  MpiSession(const MpiSession&) = delete;             ///< one per program
  MpiSession& operator=(const MpiSession&) = delete;  ///< one per program

  MpiCommunicator& ranks() { return *ranks_; }  ///< all ranks

 private:
  int exceptions_ = std::uncaught_exceptions();
  std::unique_ptr<MpiCommunicator> ranks_;
};

}  // namespace rondo::inline RONDO_ABI
