#include <utility>

#include "core/observe/log.hpp"
#include "core/store_kit/few_at_once.hpp"
#include "plugins/stores/s3/s3_keys.hpp"
#include "plugins/stores/s3/s3_writing.hpp"
#include "plugins/stores/s3/s3_xml.hpp"

namespace kiln::s3_store {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t of_one_page = 1000;
constexpr unsigned pages_at_most = 100;
constexpr std::size_t largest_page = 4 << 20;
constexpr duration looked_for_every = 1h;

struct old_upload {
  std::string key, id;
};

/// One look at all of them, page by page.
class upload_sweep : public std::enable_shared_from_this<upload_sweep> {
public:
  explicit upload_sweep(bucket_ptr where) : where_(std::move(where)) {}

  void next_page(const s3_query& from) {
    if (++pages_ > pages_at_most) return;
    s3_order order{"GET", "", {{"uploads", ""}, {"prefix", where_->engine().address.beginning()}}};
    order.query.insert(order.query.end(), from.begin(), from.end());
    where_->client()->ask(std::move(order), until(), largest_page,
                          [self = shared_from_this()](const expected<web_answer>& answer) {
                            answer ? self->take(std::string(answer->body.view()))
                                   : self->failed(answer.error());
                          });
  }

private:
  steady_time until() const { return where_->engine().now() + where_->options().request_timeout; }

  void take(const std::string& page) {
    const auto now = where_->engine().env.time->wall();
    auto old = std::make_shared<std::vector<old_upload>>();
    for (const auto one : elements_in(page, "Upload", of_one_page)) {
      old_upload found{text_in(one, "Key"), text_in(one, "UploadId")};
      const auto begun = parse_iso_time(text_in(one, "Initiated"));
      const bool is_ours = found.key.starts_with(where_->engine().address.beginning());
      if (is_ours && begun && now - *begun > where_->options().abort_uploads_after)
        old->push_back(std::move(found));
    }
    s3_query next{{"key-marker", text_in(page, "NextKeyMarker")},
                  {"upload-id-marker", text_in(page, "NextUploadIdMarker")}};
    const bool is_more = text_in(page, "IsTruncated") == "true" && !next.front().second.empty();
    few_at_once::run(
        old->size(), 4,
        [self = shared_from_this(), old](std::size_t which, std::function<void()> ended) {
          const auto& one = (*old)[which];
          self->where_->client()->ask({"DELETE", one.key, {{"uploadId", one.id}}}, self->until(),
                                      largest_page,
                                      [self, ended = std::move(ended)](const expected<web_answer>& answer) {
                                        if (answer)
                                          s3_figures::count(self->where_->engine().figures.aborted_uploads);
                                        ended();
                                      });
        },
        [self = shared_from_this(), is_more, next] {
          if (is_more) self->next_page(next);
        });
  }
  void failed(const error& why) {
    if (auto* log = where_->engine().env.log)
      log->warn("uploads that nobody ended cannot be looked for",
                {{"store", where_->engine().name}, {"why", why.message()}});
  }

  const bucket_ptr where_;
  unsigned pages_ = 0;
};

}  // namespace

void abort_old_uploads(const bucket_ptr& where) {
  std::make_shared<upload_sweep>(where)->next_page({});
  const auto wait = std::min<duration>(looked_for_every, where->options().abort_uploads_after);
  where->engine().web->later(wait, [weak = std::weak_ptr(where)] {
    if (auto there = weak.lock()) abort_old_uploads(there);
  });
}

}  // namespace kiln::s3_store
