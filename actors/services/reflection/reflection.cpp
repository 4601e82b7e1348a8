#include "actors/services/reflection/reflection.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpc/reflection/v1alpha/reflection.pb.h>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <set>

#include "core/wire/message.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace reflection_v1 = grpc::reflection::v1alpha;
namespace {

using reflection_pointer = reflection_actor::pointer;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

// The file and all that it needs, each once, so that a client asks no second time.
void add_file(const FileDescriptor* file, std::set<const FileDescriptor*>& seen,
              reflection_v1::FileDescriptorResponse& to) {
  if (!seen.insert(file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  to.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file->dependency_count(); ++i) add_file(file->dependency(i), seen, to);
}

void answer_with_file(const FileDescriptor* file, const std::string& asked,
                      reflection_v1::ServerReflectionResponse& to) {
  if (file == nullptr) {
    to.mutable_error_response()->set_error_code(static_cast<int>(errc::not_found));
    to.mutable_error_response()->set_error_message("nothing is called " + escaped(asked));
    return;
  }
  std::set<const FileDescriptor*> seen;
  add_file(file, seen, *to.mutable_file_descriptor_response());
}

reflection_v1::ServerReflectionResponse answer_to(const reflection_v1::ServerReflectionRequest& request,
                                                  const std::vector<std::string>& services) {
  const auto* pool = DescriptorPool::generated_pool();
  reflection_v1::ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case reflection_v1::ServerReflectionRequest::kListServices:
      for (const auto& name : services)
        response.mutable_list_services_response()->add_service()->set_name(name);
      break;
    case reflection_v1::ServerReflectionRequest::kFileByFilename:
      answer_with_file(pool->FindFileByName(request.file_by_filename()), request.file_by_filename(),
                       response);
      break;
    case reflection_v1::ServerReflectionRequest::kFileContainingSymbol:
      answer_with_file(pool->FindFileContainingSymbol(request.file_containing_symbol()),
                       request.file_containing_symbol(), response);
      break;
    default:
      response.mutable_error_response()->set_error_code(static_cast<int>(errc::unimplemented));
      response.mutable_error_response()->set_error_message("proto3 has no extensions to ask for");
  }
  return response;
}

// Runs on the transport's threads; holds nothing but the call, which ends it.
void read_next(const call_ptr& from, const reflection_actor& service) {
  from->read([from, service](expected<std::optional<byte_chain>> message) {
    if (!message) return from->finish(std::move(message).error());
    if (!*message) return from->finish({});
    caf::anon_send(service, reflection_question{from, std::move(**message)});
  });
}

reflection_actor::behavior_type reflection_behavior(reflection_pointer self,
                                                    const std::vector<std::string>& services) {
  return {
      [self](reflect& order) { read_next(order.call, self); },
      [self, services](reflection_question& order) {
        answer_call(order.from, [&]() -> expected<void> {
          auto request = parse<reflection_v1::ServerReflectionRequest>(order.request);
          if (!request) return failure(request.error());
          order.from->write(serialise(answer_to(*request, services)),
                            [from = order.from, service = reflection_actor(self)](bool taken) {
                              if (taken) read_next(from, service);
                            });
          return {};
        });
      },
  };
}

}  // namespace

reflection_actor spawn_reflection(caf::actor_system& system, std::vector<std::string> services) {
  return system.spawn(reflection_behavior, std::move(services));
}

void add_routes(router& routes, const reflection_actor& to) {
  add_route<reflect>(routes, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", to,
                     requests::many);
}

}  // namespace kiln
