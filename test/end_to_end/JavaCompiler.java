import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.tools.ToolProvider;

/** A compiler of Java that can be a persistent worker, as Bazel's is: javac, in a machine that is warm after a while. */
public class JavaCompiler {
  private static int compile(List<String> arguments, OutputStream complaints) {
    return ToolProvider.getSystemJavaCompiler().run(null, complaints, complaints, arguments.toArray(new String[0]));
  }

  private static long readVarint(InputStream from) throws IOException {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      int next = from.read();
      if (next < 0) return -1;
      value |= (long) (next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
  }

  private static void writeVarint(OutputStream to, long value) throws IOException {
    for (; value >= 0x80; value >>>= 7) to.write((int) (value & 0x7f | 0x80));
    to.write((int) value);
  }

  private static void serve(InputStream in, OutputStream out) throws IOException {
    for (long size = readVarint(in); size >= 0; size = readVarint(in)) {
      byte[] request = new byte[(int) size];
      new DataInputStream(in).readFully(request);
      List<String> arguments = new ArrayList<>();
      InputStream fields = new java.io.ByteArrayInputStream(request);
      for (long tag = readVarint(fields); tag >= 0; tag = readVarint(fields)) {
        long value = readVarint(fields);
        if ((tag & 7) != 2) continue;
        byte[] content = new byte[(int) value];
        new DataInputStream(fields).readFully(content);
        if (tag >> 3 == 1) arguments.add(new String(content, StandardCharsets.UTF_8));
      }
      ByteArrayOutputStream complaints = new ByteArrayOutputStream();
      int code = compile(arguments, complaints);
      ByteArrayOutputStream response = new ByteArrayOutputStream();
      response.write(1 << 3);
      writeVarint(response, code);
      response.write(2 << 3 | 2);
      writeVarint(response, complaints.size());
      complaints.writeTo(response);
      writeVarint(out, response.size());
      response.writeTo(out);
      out.flush();
    }
  }

  public static void main(String[] arguments) throws IOException {
    if (Arrays.asList(arguments).contains("--persistent_worker")) {
      serve(System.in, System.out);
      return;
    }
    String flags = arguments[arguments.length - 1].substring(1);
    System.exit(compile(Files.readAllLines(Paths.get(flags)), System.err));
  }
}
