#include "actors/services/remote_asset/remote_asset.hpp"

namespace kiln {

schema<remote_asset_settings> remote_asset_schema() {
  using settings = remote_asset_settings;
  return schema<settings>{"Assets by the names that the world knows them by, such as the URL of an archive."}
      .field("push", &settings::push,
             "Let clients tell what lies behind a name; they must also be allowed to write action results.")
      .field("qualifiers", &settings::qualifiers,
             "Qualifiers that are taken beside the usual ones; a fetch must have them as they were pushed.")
      .section("fetch", &settings::fetch, web_fetch_schema(),
               "Fetching what nobody has pushed from the network. Left out, that is never done.");
}

}  // namespace kiln
