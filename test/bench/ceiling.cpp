// The ceiling: a bare gRPC server that parses every request into its message and answers with constants. It
// keeps nothing and checks nothing, so no server built on this gRPC can do better; figures are read as a
// share of it.
//
//     ceiling [ADDRESS]        prints the address in use, serves until it is killed

#include <build/bazel/remote/execution/v2/remote_execution.grpc.pb.h>
#include <google/bytestream/bytestream.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <string>

namespace {

namespace v2 = build::bazel::remote::execution::v2;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using grpc::Status;

ServerUnaryReactor* at_once(CallbackServerContext* context, const Status& status = Status::OK) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

class capabilities final : public v2::Capabilities::CallbackService {
  ServerUnaryReactor* GetCapabilities(CallbackServerContext* context, const v2::GetCapabilitiesRequest*,
                                      v2::ServerCapabilities* response) override {
    response->mutable_cache_capabilities()->add_digest_functions(v2::DigestFunction::SHA256);
    response->mutable_low_api_version()->set_major(2);
    response->mutable_high_api_version()->set_major(2);
    return at_once(context);
  }
};

// A constant list of directories, in messages of about 1 MiB, as large as the load's tree.
std::vector<v2::GetTreeResponse> constant_tree() {
  std::vector<v2::GetTreeResponse> messages(1);
  std::size_t size = 0;
  for (int i = 0; i < 2011; ++i) {
    if (size > (1 << 20)) messages.emplace_back(), size = 0;
    auto* directory = messages.back().add_directories();
    for (int n = 0; n < 10; ++n) {
      auto* file = directory->add_files();
      file->set_name("file00.cpp");
      file->mutable_digest()->set_hash(std::string(64, 'a'));
      file->mutable_digest()->set_size_bytes(20);
    }
    size += directory->ByteSizeLong();
  }
  return messages;
}

class tree_writer final : public grpc::ServerWriteReactor<v2::GetTreeResponse> {
public:
  explicit tree_writer(const std::vector<v2::GetTreeResponse>& messages) : messages_(messages) { next(); }
  void OnWriteDone(bool ok) override { ok ? next() : Finish(Status::CANCELLED); }
  void OnDone() override { delete this; }

private:
  void next() {
    if (at_ == messages_.size()) return Finish(Status::OK);
    StartWrite(&messages_[at_++]);
  }
  const std::vector<v2::GetTreeResponse>& messages_;
  std::size_t at_ = 0;
};

class content final : public v2::ContentAddressableStorage::CallbackService {
public:
  content() : tree_(constant_tree()) {
    for (int i = 0; i < 100; ++i) {
      auto* one = batch_.add_responses();
      one->mutable_digest()->set_hash(std::string(64, 'a'));
      one->mutable_digest()->set_size_bytes(1024);
      one->set_data(std::string(1024, 'k'));
    }
  }

private:
  ServerUnaryReactor* FindMissingBlobs(CallbackServerContext* context, const v2::FindMissingBlobsRequest*,
                                       v2::FindMissingBlobsResponse*) override {
    return at_once(context);
  }
  ServerUnaryReactor* BatchUpdateBlobs(CallbackServerContext* context,
                                       const v2::BatchUpdateBlobsRequest* request,
                                       v2::BatchUpdateBlobsResponse* response) override {
    for (const auto& one : request->requests()) *response->add_responses()->mutable_digest() = one.digest();
    return at_once(context);
  }
  ServerUnaryReactor* BatchReadBlobs(CallbackServerContext* context, const v2::BatchReadBlobsRequest*,
                                     v2::BatchReadBlobsResponse* response) override {
    *response = batch_;
    return at_once(context);
  }
  grpc::ServerWriteReactor<v2::GetTreeResponse>* GetTree(CallbackServerContext*,
                                                         const v2::GetTreeRequest*) override {
    return new tree_writer(tree_);
  }

  std::vector<v2::GetTreeResponse> tree_;
  v2::BatchReadBlobsResponse batch_;
};

class results final : public v2::ActionCache::CallbackService {
public:
  results() {
    for (int i = 0; i < 2; ++i) {
      auto* file = result_.add_output_files();
      file->set_path("bazel-out/k8-fastbuild/bin/part0.o");
      file->mutable_digest()->set_hash(std::string(64, 'a'));
      file->mutable_digest()->set_size_bytes(20);
    }
  }

private:
  ServerUnaryReactor* GetActionResult(CallbackServerContext* context, const v2::GetActionResultRequest*,
                                      v2::ActionResult* response) override {
    *response = result_;
    return at_once(context);
  }
  ServerUnaryReactor* UpdateActionResult(CallbackServerContext* context,
                                         const v2::UpdateActionResultRequest* request,
                                         v2::ActionResult* response) override {
    *response = request->action_result();
    return at_once(context);
  }
  v2::ActionResult result_;
};

// As many bytes as the resource name says, in messages of 1 MiB.
class reader final : public grpc::ServerWriteReactor<google::bytestream::ReadResponse> {
public:
  explicit reader(std::uint64_t size) : left_(size) { next(); }
  void OnWriteDone(bool ok) override { ok ? next() : Finish(Status::CANCELLED); }
  void OnDone() override { delete this; }

private:
  void next() {
    if (left_ == 0) return Finish(Status::OK);
    auto piece = std::min<std::uint64_t>(left_, 1 << 20);
    if (message_.data().size() != piece) message_.set_data(std::string(piece, 'r'));
    left_ -= piece;
    StartWrite(&message_);
  }
  std::uint64_t left_;
  google::bytestream::ReadResponse message_;
};

class writer final : public grpc::ServerReadReactor<google::bytestream::WriteRequest> {
public:
  explicit writer(google::bytestream::WriteResponse* response) : response_(response) { StartRead(&message_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(Status::OK);
    received_ += static_cast<std::int64_t>(message_.data().size());
    response_->set_committed_size(received_);
    StartRead(&message_);
  }
  void OnDone() override { delete this; }

private:
  google::bytestream::WriteResponse* response_;
  google::bytestream::WriteRequest message_;
  std::int64_t received_ = 0;
};

class streams final : public google::bytestream::ByteStream::CallbackService {
  grpc::ServerWriteReactor<google::bytestream::ReadResponse>* Read(
      CallbackServerContext*, const google::bytestream::ReadRequest* request) override {
    const auto& name = request->resource_name();
    const auto limit = static_cast<std::uint64_t>(request->read_limit());
    return new reader(limit > 0 ? limit : std::stoull(name.substr(name.rfind('/') + 1)));
  }
  grpc::ServerReadReactor<google::bytestream::WriteRequest>* Write(
      CallbackServerContext*, google::bytestream::WriteResponse* response) override {
    return new writer(response);
  }
};

// One message with a finished operation.
class execution final : public v2::Execution::CallbackService {
  class once final : public grpc::ServerWriteReactor<google::longrunning::Operation> {
  public:
    once() {
      v2::ExecuteResponse response;
      response.mutable_result();
      operation_.set_name("ceiling");
      operation_.set_done(true);
      operation_.mutable_response()->PackFrom(response);
      StartWriteAndFinish(&operation_, {}, Status::OK);
    }
    void OnDone() override { delete this; }

  private:
    google::longrunning::Operation operation_;
  };
  grpc::ServerWriteReactor<google::longrunning::Operation>* Execute(CallbackServerContext*,
                                                                    const v2::ExecuteRequest*) override {
    return new once;
  }
};

}  // namespace

int main(int argc, char** argv) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(argc > 1 ? argv[1] : "127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(16 << 20);
  // What Kiln sets too: measured in docs/performance.md.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  capabilities one;
  content two;
  results three;
  streams four;
  execution five;
  for (grpc::Service* service : std::initializer_list<grpc::Service*>{&one, &two, &three, &four, &five})
    builder.RegisterService(service);
  auto server = builder.BuildAndStart();
  if (!server || port == 0) {
    std::fprintf(stderr, "ceiling: cannot listen\n");
    return 69;
  }
  std::printf("127.0.0.1:%d\n", port);
  std::fflush(stdout);
  server->Wait();
}
