#ifndef CASES_H
#define CASES_H
#include <bunraku/bunraku.h>

enum { patient = 60000 };

void broken(const char* file, int line, const char* what);
#define CHECK(condition) ((condition) ? (void)0 : broken(__FILE__, __LINE__, #condition))

/* `site`: puppet.conf, and the name server. */
bunraku_options* options(char** site);
bunraku_resolver* resolver(char** site);
/* A request and its whole answer. */
void get(bunraku_stream* to);

void case_fork(char** site);
void case_threads(char** site);
void case_report_while_freed(char** site);
void case_exec(char** site);
void case_left_over(char** site);
void case_freed_meanwhile(char** site);
void case_exit(char** site);

#endif
