"""C++ and gRPC from .proto files, by the protoc that Debian installs."""

_HEADERS = [".pb.h", ".grpc.pb.h"]
_SOURCES = [".pb.cc", ".grpc.pb.cc"]

def cc_grpc_library(name, srcs, root = "proto", visibility = None):
    """A cc_library of the messages and services in `srcs`.

    The headers of proto/weir/v1 are "weir/v1/NAME.grpc.pb.h".

    Args:
      name: The library's name.
      srcs: The .proto files, all of this package.
      root: The folder that import paths start from.
      visibility: Who may depend on it.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    native.genrule(
        name = name + "_sources",
        srcs = srcs,
        outs = [stem + ext for stem in stems for ext in _SOURCES + _HEADERS],
        cmd = ("protoc --proto_path={root} --cpp_out=$(GENDIR)/{root}" +
               " --grpc_out=$(GENDIR)/{root}" +
               " --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin" +
               " $(SRCS)").format(root = root),
    )
    native.cc_library(
        name = name,
        srcs = [stem + ext for stem in stems for ext in _SOURCES],
        hdrs = [stem + ext for stem in stems for ext in _HEADERS],
        # Generated code is not ours to warn about.
        copts = ["-w"],
        strip_include_prefix = "/" + root,
        visibility = visibility,
        deps = ["@grpc//:grpc++"],
    )
