//! A small clinical document for tests, made of replaceable parts.

/// A laboratory report; `change` edits its text.
pub(crate) fn document(change: impl FnOnce(String) -> String) -> Vec<u8> {
    change(TEXT.to_owned()).into_bytes()
}

pub(crate) const TEXT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc">
<realmCode code="IT"/>
<typeId root="2.16.840.1.113883.1.3" extension="POCD_MT000040UV02"/>
<templateId root="2.16.840.1.113883.2.9.10.1.1" extension="1.3"/>
<id root="2.16.840.1.113883.2.9.2.120.4.4" extension="D-2" assigningAuthorityName="Regione Lazio"/>
<code code="11502-2" codeSystem="2.16.840.1.113883.6.1" displayName="Referto di laboratorio"/>
<title> REFERTO
 DI LABORATORIO</title>
<sdtc:statusCode code="active"/>
<effectiveTime value="20260110100000+0100"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25" displayName="Normal"/>
<languageCode code="it-IT"/>
<setId root="2.16.840.1.113883.2.9.2.120.4.4" extension="S-1"/>
<versionNumber value="2"/>
<recordTarget><patientRole>
 <id root="2.16.840.1.113883.2.9.9.9" extension="local-7"/>
 <id root="2.16.840.1.113883.2.9.4.3.2" extension="rssmra80a01h501u" assigningAuthorityName="MEF"/>
 <addr use="HP"><streetAddressLine>Via Uno 1</streetAddressLine><city>Roma</city><censusTract>058091</censusTract></addr>
 <telecom use="MC" value="tel:33224456"/>
 <patient>
  <name><family>Rossi</family><given>Maria</given></name>
  <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
  <birthTime value="19800101"/>
  <birthplace><place><addr><city>Roma</city></addr></place></birthplace>
  <guardian><guardianPerson><name><family>Verdi</family></name></guardianPerson></guardian>
 </patient>
</patientRole></recordTarget>
<author><time value="20260110090000+0100"/><assignedAuthor>
 <id root="2.16.840.1.113883.2.9.4.3.2" extension="VRDMRC67T20I257A"/>
 <code code="MMG" codeSystem="2.16.840.1.113883.2.9.77.22.11.13"/>
 <assignedPerson><name><family>Verdi</family><given>Marco</given><prefix>Dr</prefix></name></assignedPerson>
 <representedOrganization><id root="2.16.840.1.113883.2.9.4.1.2" extension="120148"/><name>Ospedale</name>
  <asOrganizationPartOf><id root="2.16.840.1.113883.2.9.4.1.1" extension="120101"/></asOrganizationPartOf>
 </representedOrganization>
</assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization>
 <id root="2.16.840.1.113883.2.9.4.1.2" extension="120148"/><name>Ospedale</name><telecom value="tel:1"/>
</representedCustodianOrganization></assignedCustodian></custodian>
<legalAuthenticator><time value="20260110100000+0100"/><signatureCode code="S"/><assignedEntity>
 <id root="2.16.840.1.113883.2.9.4.3.2" extension="VRDMRC67T20I257A"/>
 <assignedPerson><name><family>Bianchi</family></name></assignedPerson>
</assignedEntity></legalAuthenticator>
<inFulfillmentOf><order><id root="2.16.840.1.113883.2.9.4.3.9" extension="1300A4000000248"/></order></inFulfillmentOf>
<documentationOf><serviceEvent><code code="PROG" codeSystem="2.16.840.1.113883.2.9.5.1.4"/>
 <effectiveTime><low value="20260109"/><high value="20260110"/></effectiveTime></serviceEvent></documentationOf>
<relatedDocument typeCode="RPLC"><parentDocument>
 <id root="2.16.840.1.113883.2.9.2.120.4.4" extension="D-1"/>
 <setId root="2.16.840.1.113883.2.9.2.120.4.4" extension="S-1"/><versionNumber value="1"/>
</parentDocument></relatedDocument>
<componentOf><encompassingEncounter><id root="2.16.840.1.113883.2.9.2.120103.4.6" extension="E-1"/>
 <effectiveTime value="20260110"/></encompassingEncounter></componentOf>
<component><structuredBody/></component>
</ClinicalDocument>
"#;
