/* Who compiles this node's catalogs, and how is it? usage: catalog_master [PUPPET_CONF [NAME_SERVER]] */
#include <bunraku/bunraku.h>

#include <stdio.h>
#include <string.h>

static int failed(const char* what) {
  char text[2000];
  bunraku_error_text(text, sizeof text);
  fprintf(stderr, "%s: %s\n", what, text);
  return 1;
}

static int ask(bunraku_stream* master) {
  char request[500], answer[4096];
  size_t size = 0, got = 0;
  const int length = snprintf(request, sizeof request, "GET /status/v1/simple/server HTTP/1.0\r\nHost: %s:%u\r\n\r\n",
                              bunraku_stream_host(master), (unsigned)bunraku_stream_port(master));
  if (bunraku_stream_write(master, request, (size_t)length, 10000, &got)) return failed("write");
  do { /* HTTP/1.0: the answer ends with the stream */
    if (bunraku_stream_read(master, answer + size, sizeof answer - 1 - size, 10000, &got)) return failed("read");
    size += got;
  } while (got != 0 && size < sizeof answer - 1);
  answer[size] = '\0';
  const char* body = strstr(answer, "\r\n\r\n");
  bunraku_stream_report(master, body ? BUNRAKU_ANSWERED : BUNRAKU_BROKEN_ANSWER, 0, NULL);
  printf("%s:%u %s\n", bunraku_stream_host(master), (unsigned)bunraku_stream_port(master), body ? body + 4 : "");
  return 0;
}

int main(int count, char** arguments) {
  int status = 1;
  bunraku_options* options = bunraku_options_new();
  bunraku_resolver* resolver = NULL;
  bunraku_stream* master = NULL;
  if (count > 1 && bunraku_options_set(options, "puppet_conf", arguments[1])) return failed(arguments[1]);
  if (count > 2 && bunraku_options_set(options, "name_servers", arguments[2])) return failed(arguments[2]);
  if (bunraku_resolver_new(options, &resolver)) failed("this node");
  else if (bunraku_connect(resolver, "catalog", 30000, &master)) failed("connect");
  else status = ask(master);
  bunraku_stream_free(master);
  bunraku_resolver_free(resolver);
  bunraku_options_free(options);
  return status;
}
