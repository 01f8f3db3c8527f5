// Snapshots of several images as of one instant, while others write to them. librbd 16.2 has snapshots of
// groups, but makes no clones of them; so these are ordinary ones. For every image, in a thread of its own:
//
//   take   a write of no bytes gets the exclusive lock from whoever has it, who finishes its writes first
//   ask    the snapshot is asked for; librbd asks all who watch for a quiesce, among them us, and waits
//   hold   we have been asked and have the lock. librbd gives a lock away only when the requests that it runs
//          have ended, and this one waits for our answer: nobody can write to the image any more
//
// When all are held, that is the instant: each is answered and makes its snapshot, and only then can its
// lock go back. Who has lost the lock between `take` and `hold` refuses, which fails that request, and takes
// it again.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "storage/rbd/quiesce_watch.h"
#include "storage/rbd/rbd_image.h"

namespace hanok::storage {
namespace {

constexpr std::chrono::seconds kHoldAllWithin{20};  // guests wait meanwhile
constexpr int kRefused = -EAGAIN;                   // to be tried again: the lock is lost, or all is given up

enum class Step { kTaking, kAsked, kHeld, kMaking, kDone };

// What the threads of one snapshot share.
struct Shared {
  std::mutex mutex;
  std::condition_variable changed;
  bool decided = false;  // all were held and have been answered, or it was given up
};

class Member final {
 public:
  Member(Shared& shared, SnapshotRef snapshot) : shared_(shared), snapshot_(std::move(snapshot)) {}

  [[nodiscard]] Status open(Cluster& cluster);
  void close();
  void make();  // take, ask, hold and so on; returns with the outcome
  [[nodiscard]] bool has_lock();

  // With the mutex held.
  [[nodiscard]] Step step() const { return step_; }
  [[nodiscard]] bool unanswered() const { return unanswered_; }
  [[nodiscard]] bool lost() const { return lost_; }
  void hold_or_refuse(bool has_lock);
  void answer(int code);

  [[nodiscard]] int outcome() const { return outcome_; }
  [[nodiscard]] const SnapshotRef& snapshot() const { return snapshot_; }

 private:
  void asked(const QuiesceWatch::Request& request, std::uint64_t question);

  Shared& shared_;
  const SnapshotRef snapshot_;
  std::unique_ptr<OpenImage> open_;
  Step step_ = Step::kTaking;
  bool unanswered_ = false, lost_ = false;
  QuiesceWatch::Request request_{};  // the last that was held, or refused after it was looked at
  std::uint64_t question_ = 0;
  int answer_ = 0;
  int outcome_ = 0;
  QuiesceWatch watch_{[this](const auto& request, auto question) { asked(request, question); },
                      [this] {
                        const std::lock_guard lock(shared_.mutex);
                        lost_ = true;
                        shared_.changed.notify_all();
                      }};
};

Status Member::open(Cluster& cluster) {
  HANOK_TRY(open, open_image(cluster, snapshot_.image, OpenMode::kReadWrite));
  std::uint64_t features = 0;
  std::string id;
  int code = open->image.features(&features);
  if (code >= 0) code = open->image.get_id(&id);
  if (code < 0) return rbd_error(code, "Features of " + display(snapshot_.image));
  if ((features & RBD_FEATURE_EXCLUSIVE_LOCK) == 0) {
    return bad_request("Image " + display(snapshot_.image) +
                       " has no exclusive lock, which a snapshot together with others needs");
  }
  HANOK_CHECK(watch_.open(open->pool, id));
  open_ = std::move(open);
  return {};
}

void Member::close() {
  watch_.close();
  open_.reset();
}

bool Member::has_lock() {
  bool owner = false;
  static_cast<void>(open_->image.is_exclusive_lock_owner(&owner));
  return owner;
}

void Member::make() {
  for (bool again = true; again;) {
    int code = static_cast<int>(open_->image.discard(0, 0));
    if (code >= 0) code = open_->image.snap_create(snapshot_.snapshot.c_str());
    const std::lock_guard lock(shared_.mutex);
    again = code == kRefused && !shared_.decided;
    outcome_ = code;
    if (again) continue;
    if (unanswered_) answer(0);  // another's
    step_ = Step::kDone;
  }
  shared_.changed.notify_all();
}

// For each snapshot that is made, also by others: whoever has the lock makes them for those who have it not.
// When all is decided it is too late for ours, and for another's when ours is done it is all the same.
void Member::asked(const QuiesceWatch::Request& request, std::uint64_t question) {
  const std::lock_guard lock(shared_.mutex);
  if (request == request_) {  // once more
    question_ = question;
    if (!unanswered_) watch_.answer(question, answer_);
  } else if (step_ == Step::kTaking && !shared_.decided) {
    step_ = Step::kAsked;
    request_ = request;
    question_ = question;
    unanswered_ = true;
    shared_.changed.notify_all();
  } else {
    watch_.answer(question, step_ == Step::kDone ? 0 : kRefused);
  }
}

void Member::answer(int code) {
  step_ = code == kRefused ? Step::kTaking : Step::kMaking;
  unanswered_ = false;
  answer_ = code;
  watch_.answer(question_, code);
}

void Member::hold_or_refuse(bool has_lock) {
  if (has_lock) {
    step_ = Step::kHeld;
  } else {
    answer(kRefused);
  }
}

using Members = std::vector<std::unique_ptr<Member>>;

bool any_is(const Members& members, Step step) {
  return std::any_of(members.begin(), members.end(), [&](const auto& one) { return one->step() == step; });
}

bool all_are(const Members& members, Step step) {
  return std::all_of(members.begin(), members.end(), [&](const auto& one) { return one->step() == step; });
}

bool any_is_lost(const Members& members) {
  return std::any_of(members.begin(), members.end(), [](const auto& one) { return one->lost(); });
}

// Who is done before all are held has failed: then nobody goes on. Nor when nothing holds a snapshot up.
void decide(Shared& shared, const Members& members) {
  const auto deadline = std::chrono::steady_clock::now() + kHoldAllWithin;
  std::unique_lock lock(shared.mutex);
  bool in_time = true;
  const auto any_failed = [&] { return any_is(members, Step::kDone) || any_is_lost(members); };
  while (in_time && !any_failed() && !all_are(members, Step::kHeld)) {
    in_time = shared.changed.wait_until(lock, deadline,
                                        [&] { return any_is(members, Step::kAsked) || any_failed(); });
    for (const auto& member : members) {
      if (member->step() != Step::kAsked) continue;
      lock.unlock();  // librados' thread, which brings the answer, may want it
      const bool has_lock = member->has_lock();
      lock.lock();
      if (member->step() == Step::kAsked) member->hold_or_refuse(has_lock);
    }
  }
  const int code = all_are(members, Step::kHeld) && !any_is_lost(members) ? 0 : kRefused;
  shared.decided = true;
  for (const auto& member : members) {
    if (member->unanswered()) member->answer(code);
  }
}

// Runs it for every member at once, and `meanwhile` beside them.
template <typename Work, typename Meanwhile>
void for_all(const Members& members, const Work& work, const Meanwhile& meanwhile) {
  std::vector<std::thread> threads;
  threads.reserve(members.size());
  for (const auto& member : members) threads.emplace_back([&work, &member] { work(*member); });
  meanwhile();
  for (std::thread& thread : threads) thread.join();
}

Status open_all(Cluster& cluster, const Members& members) {
  std::mutex mutex;
  Status out;
  const auto open = [&](Member& member) {
    Status opened = member.open(cluster);
    const std::lock_guard lock(mutex);
    if (!opened.ok()) out = std::move(opened);
  };
  for_all(members, open, [] {});
  return out;
}

Error error_of(const Member& member) {
  const std::string what =
      "Snapshot " + member.snapshot().snapshot + " of " + display(member.snapshot().image);
  if (member.outcome() == -EROFS) return conflict(what + ": who has the image open keeps its lock");
  return rbd_error(member.outcome(), what);
}

Status outcome_of_all(Cluster& cluster, const Members& members) {
  const auto failed = [](const auto& one) { return one->outcome() < 0; };
  if (std::none_of(members.begin(), members.end(), failed)) return {};
  for (const auto& member : members) {
    if (!failed(member)) static_cast<void>(remove_image_snapshot(cluster, member->snapshot()));
  }
  for (const auto& member : members) {
    if (failed(member) && member->outcome() != kRefused) return error_of(*member);
  }
  return unavailable("The images of the group could not all be held at one instant");
}

}  // namespace

Status create_snapshots_at_once(Cluster& cluster, const std::vector<SnapshotRef>& snapshots) {
  Shared shared;
  Members members;
  for (const SnapshotRef& snapshot : snapshots) {
    members.push_back(std::make_unique<Member>(shared, snapshot));
  }
  Status opened = open_all(cluster, members);
  if (opened.ok()) {
    for_all(
        members, [](Member& member) { member.make(); }, [&] { decide(shared, members); });
  }
  for_all(
      members, [](Member& member) { member.close(); }, [] {});
  return opened.ok() ? outcome_of_all(cluster, members) : opened;
}

}  // namespace hanok::storage
