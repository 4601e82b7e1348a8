#pragma once

#include "actors/system/node_options.hpp"
#include "core/config/document.hpp"

/// What no single section can know of a configuration, because it takes two to be wrong.
namespace kiln {

/// Complains of a listener for workers that is none, where its name stands.
void check_worker_listener(const node& root, const node_options& options, faults& found);
/// Complains of services for clients where no transport listens for them.
void check_client_listener(const node& root, const node_options& options, faults& found);
/// Complains of transports beside one that is not there, listens nowhere, or has a guest already.
void check_guests(const std::vector<configured>& transports, faults& found);
/// Complains of addresses that two listeners cannot both have, where the second of them stands.
void check_listen_addresses(const std::vector<configured>& transports, faults& found);
/// Complains of folders that two sections claim for themselves, or of which one lies within the other.
/// `stores` are all, the inline ones too.
void check_own_folders(const node& root, const std::vector<configured>& stores, faults& found);

}  // namespace kiln
