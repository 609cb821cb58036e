//! What FHIRPath asks of terminology: `memberOf()`, `subsumes()`, `subsumedBy()`.

use super::{Fault, Lookup, Subsumption};
use crate::fhir::fhirpath::{Answer, Codes};
use crate::fhir::model::value::Text;

impl Codes for Lookup<'_> {
    fn systems(&self, value_set: &str) -> Answer<Vec<Text>> {
        let set = self.value_set(value_set).map_err(told)?;
        Lookup::systems(self, &set).map_err(told)
    }

    fn member_of(&self, value_set: &str, system: &str, code: &str) -> Answer<bool> {
        let set = self.value_set(value_set).map_err(told)?;
        self.contains(&set, system, code).map_err(told)
    }

    fn subsumes(&self, system: &str, ancestor: &str, code: &str) -> Answer<bool> {
        let found = self.filled(system, None).map_err(told)?;
        match self.compare(&found, ancestor, code).map_err(told)? {
            Some(Subsumption::Equivalent | Subsumption::Subsumes) => Ok(true),
            Some(Subsumption::SubsumedBy | Subsumption::NotSubsumed) => Ok(false),
            None => Err("the code system lacks one of the codes".to_owned()),
        }
    }
}

fn told(fault: Fault) -> String {
    fault.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::fhir::definitions::Definitions;
    use crate::fhir::fhirpath::{Environment, Phase, evaluate, parse, truth};
    use crate::fhir::model::json;
    use crate::fhir::terminology::{NothingStored, Terminology};

    #[test]
    fn fhirpath_asks_the_terminology_of_r4() {
        let definitions = Arc::new(Definitions::r4().unwrap());
        let terminology = Terminology::new(Arc::clone(&definitions));
        let lookup = terminology.with(&NothingStored);
        let patient = br#"{"resourceType":"Patient","gender":"male","maritalStatus":{"coding":[
            {"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]}}"#;
        let patient = json::parse(patient, &json::Limits::default()).unwrap();
        let environment = Environment::new(&definitions).with_codes(&lookup);
        for (expression, expected) in [
            ("gender.memberOf(%`vs-administrative-gender`)", Ok(true)),
            ("gender.memberOf(%`vs-marital-status`)", Ok(false)),
            ("maritalStatus.memberOf(%`vs-marital-status`)", Ok(true)),
            ("gender.memberOf('http://nobody.org')", Err(Phase::Outside)),
            ("maritalStatus.subsumes(maritalStatus.coding)", Ok(true)),
        ] {
            let parsed = parse(expression).unwrap();
            let found = evaluate(&parsed, &patient, &environment).map_err(|error| error.phase);
            let found = found.map(|items| truth(&items).unwrap() == Some(true));
            assert_eq!(found, expected, "{expression}");
        }
    }
}
