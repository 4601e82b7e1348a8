#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <string>
#include <vector>

#include "actors/services/common/rpc.hpp"

/// grpc.reflection.v1alpha: what is served here, for tools like grpcurl.
namespace kiln {

struct reflect : inbound {};
/// One question of a stream; the answer is written before the next is read.
struct reflection_question {
  call_ptr from;
  byte_chain request;
};

using reflection_actor = caf::typed_actor<caf::reacts_to<reflect>, caf::reacts_to<reflection_question>>;

/// `services` are full names, as router::services gives them.
reflection_actor spawn_reflection(caf::actor_system& system, std::vector<std::string> services);
void add_routes(router& routes, const reflection_actor& to);

}  // namespace kiln

KILN_MESSAGE(kiln::reflect)
KILN_MESSAGE(kiln::reflection_question)
