// Generated people of about 400 bytes of JSON each: names, address, contact, section; nobody real.
#ifndef BENCH_SAMPLE_PEOPLE_H_
#define BENCH_SAMPLE_PEOPLE_H_

#include "brigada/v1/person.pb.h"
#include "replica/base/random.h"

namespace brigada::bench {

v1::Person SamplePerson(Random& random);

}  // namespace brigada::bench

#endif  // BENCH_SAMPLE_PEOPLE_H_
