-- NextCRM's 39 tables in SQLite: the same names as schema.postgres.sql. What SQLite lacks stands as it can be kept:
-- enums as CHECKs, arrays and documents as JSON.

CREATE TABLE "crm_Industry_Type" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "name" TEXT NOT NULL
);

CREATE TABLE "Documents_Types" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "name" TEXT NOT NULL
);

CREATE TABLE "invoice_States" (
    "id" UUID PRIMARY KEY NOT NULL,
    "name" TEXT NOT NULL
);

CREATE TABLE "system_Modules_Enabled" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL,
    "position" INTEGER NOT NULL
);

CREATE TABLE "modulStatus" (
    "id" UUID PRIMARY KEY NOT NULL,
    "name" TEXT NOT NULL,
    "isVisible" BOOLEAN NOT NULL
);

CREATE TABLE "systemServices" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "serviceUrl" TEXT,
    "serviceId" TEXT,
    "serviceKey" TEXT,
    "servicePassword" TEXT,
    "servicePort" TEXT,
    "description" TEXT
);

CREATE TABLE "gpt_models" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "model" TEXT NOT NULL,
    "description" TEXT,
    "status" TEXT CHECK ("status" IN ('ACTIVE', 'INACTIVE')),
    "created_on" TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE "Users" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL DEFAULT 0,
    "account_name" TEXT,
    "avatar" TEXT,
    "email" TEXT NOT NULL UNIQUE,
    "is_account_admin" BOOLEAN NOT NULL DEFAULT false,
    "is_admin" BOOLEAN NOT NULL DEFAULT false,
    "created_on" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastLoginAt" TIMESTAMP,
    "name" TEXT,
    "password" TEXT,
    "username" TEXT,
    "userStatus" TEXT NOT NULL DEFAULT 'PENDING' CHECK ("userStatus" IN ('ACTIVE', 'INACTIVE', 'PENDING')),
    "userLanguage" TEXT NOT NULL DEFAULT 'en' CHECK ("userLanguage" IN ('cz', 'en', 'de', 'uk'))
);
CREATE INDEX "Users_userStatus_idx" ON "Users" ("userStatus");
CREATE INDEX "Users_userLanguage_idx" ON "Users" ("userLanguage");
CREATE INDEX "Users_is_admin_idx" ON "Users" ("is_admin");
CREATE INDEX "Users_is_account_admin_idx" ON "Users" ("is_account_admin");
CREATE INDEX "Users_created_on_idx" ON "Users" ("created_on");
CREATE INDEX "Users_lastLoginAt_idx" ON "Users" ("lastLoginAt");

CREATE TABLE "MyAccount" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "company_name" TEXT NOT NULL,
    "is_person" BOOLEAN NOT NULL DEFAULT false,
    "email" TEXT,
    "email_accountant" TEXT,
    "phone_prefix" TEXT,
    "phone" TEXT,
    "mobile_prefix" TEXT,
    "mobile" TEXT,
    "fax_prefix" TEXT,
    "fax" TEXT,
    "website" TEXT,
    "street" TEXT,
    "city" TEXT,
    "state" TEXT,
    "zip" TEXT,
    "country" TEXT,
    "country_code" TEXT,
    "billing_street" TEXT,
    "billing_city" TEXT,
    "billing_state" TEXT,
    "billing_zip" TEXT,
    "billing_country" TEXT,
    "billing_country_code" TEXT,
    "currency" TEXT,
    "currency_symbol" TEXT,
    "VAT_number" TEXT NOT NULL,
    "TAX_number" TEXT,
    "bank_name" TEXT,
    "bank_account" TEXT,
    "bank_code" TEXT,
    "bank_IBAN" TEXT,
    "bank_SWIFT" TEXT
);

CREATE TABLE "Employees" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "avatar" TEXT NOT NULL,
    "email" TEXT,
    "name" TEXT NOT NULL,
    "salary" INTEGER NOT NULL,
    "status" TEXT NOT NULL
);

CREATE TABLE "ImageUpload" (
    "id" UUID PRIMARY KEY NOT NULL
);

CREATE TABLE "TodoList" (
    "id" UUID PRIMARY KEY NOT NULL,
    "createdAt" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "user" TEXT NOT NULL
);

CREATE TABLE "crm_campaigns" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "status" TEXT
);

CREATE TABLE "crm_Opportunities_Sales_Stages" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "probability" INTEGER,
    "order" INTEGER
);

CREATE TABLE "crm_Opportunities_Type" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "order" INTEGER
);

CREATE TABLE "crm_Accounts" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "createdAt" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdBy" UUID,
    "updatedAt" TIMESTAMP,
    "updatedBy" UUID,
    "annual_revenue" TEXT,
    "assigned_to" UUID,
    "billing_city" TEXT,
    "billing_country" TEXT,
    "billing_postal_code" TEXT,
    "billing_state" TEXT,
    "billing_street" TEXT,
    "company_id" TEXT,
    "description" TEXT,
    "email" TEXT,
    "employees" TEXT,
    "fax" TEXT,
    "industry" UUID,
    "member_of" TEXT,
    "name" TEXT NOT NULL,
    "office_phone" TEXT,
    "shipping_city" TEXT,
    "shipping_country" TEXT,
    "shipping_postal_code" TEXT,
    "shipping_state" TEXT,
    "shipping_street" TEXT,
    "status" TEXT DEFAULT 'Inactive',
    "type" TEXT DEFAULT 'Customer',
    "vat" TEXT,
    "website" TEXT,
    FOREIGN KEY ("industry") REFERENCES "crm_Industry_Type" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Accounts_assigned_to_idx" ON "crm_Accounts" ("assigned_to");
CREATE INDEX "crm_Accounts_industry_idx" ON "crm_Accounts" ("industry");
CREATE INDEX "crm_Accounts_createdBy_idx" ON "crm_Accounts" ("createdBy");
CREATE INDEX "crm_Accounts_updatedBy_idx" ON "crm_Accounts" ("updatedBy");
CREATE INDEX "crm_Accounts_status_idx" ON "crm_Accounts" ("status");
CREATE INDEX "crm_Accounts_type_idx" ON "crm_Accounts" ("type");
CREATE INDEX "crm_Accounts_createdAt_idx" ON "crm_Accounts" ("createdAt");

CREATE TABLE "crm_Contacts" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL DEFAULT 0,
    "account" UUID,
    "assigned_to" UUID,
    "birthday" TEXT,
    "created_by" UUID,
    "createdBy" UUID,
    "created_on" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "cratedAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "last_activity" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP,
    "updatedBy" UUID,
    "last_activity_by" UUID,
    "description" TEXT,
    "email" TEXT,
    "personal_email" TEXT,
    "first_name" TEXT,
    "last_name" TEXT NOT NULL,
    "office_phone" TEXT,
    "mobile_phone" TEXT,
    "website" TEXT,
    "position" TEXT,
    "status" BOOLEAN NOT NULL DEFAULT true,
    "social_twitter" TEXT,
    "social_facebook" TEXT,
    "social_linkedin" TEXT,
    "social_skype" TEXT,
    "social_instagram" TEXT,
    "social_youtube" TEXT,
    "social_tiktok" TEXT,
    "type" TEXT DEFAULT 'Customer',
    "tags" JSON,
    "notes" JSON,
    "accountsIDs" UUID,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("created_by") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("accountsIDs") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Contacts_assigned_to_idx" ON "crm_Contacts" ("assigned_to");
CREATE INDEX "crm_Contacts_created_by_idx" ON "crm_Contacts" ("created_by");
CREATE INDEX "crm_Contacts_accountsIDs_idx" ON "crm_Contacts" ("accountsIDs");
CREATE INDEX "crm_Contacts_createdBy_idx" ON "crm_Contacts" ("createdBy");
CREATE INDEX "crm_Contacts_updatedBy_idx" ON "crm_Contacts" ("updatedBy");
CREATE INDEX "crm_Contacts_status_idx" ON "crm_Contacts" ("status");
CREATE INDEX "crm_Contacts_type_idx" ON "crm_Contacts" ("type");
CREATE INDEX "crm_Contacts_cratedAt_idx" ON "crm_Contacts" ("cratedAt");
CREATE INDEX "crm_Contacts_last_activity_idx" ON "crm_Contacts" ("last_activity");

CREATE TABLE "crm_Leads" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "createdBy" UUID,
    "updatedAt" TIMESTAMP,
    "updatedBy" UUID,
    "firstName" TEXT,
    "lastName" TEXT NOT NULL,
    "company" TEXT,
    "jobTitle" TEXT,
    "email" TEXT,
    "phone" TEXT,
    "description" TEXT,
    "lead_source" TEXT,
    "refered_by" TEXT,
    "campaign" TEXT,
    "status" TEXT DEFAULT 'NEW',
    "type" TEXT DEFAULT 'DEMO',
    "assigned_to" UUID,
    "accountsIDs" UUID,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("accountsIDs") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Leads_assigned_to_idx" ON "crm_Leads" ("assigned_to");
CREATE INDEX "crm_Leads_accountsIDs_idx" ON "crm_Leads" ("accountsIDs");
CREATE INDEX "crm_Leads_createdBy_idx" ON "crm_Leads" ("createdBy");
CREATE INDEX "crm_Leads_updatedBy_idx" ON "crm_Leads" ("updatedBy");
CREATE INDEX "crm_Leads_status_idx" ON "crm_Leads" ("status");
CREATE INDEX "crm_Leads_type_idx" ON "crm_Leads" ("type");
CREATE INDEX "crm_Leads_createdAt_idx" ON "crm_Leads" ("createdAt");

CREATE TABLE "crm_Contracts" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "value" INTEGER NOT NULL,
    "startDate" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "endDate" TIMESTAMP,
    "renewalReminderDate" TIMESTAMP,
    "customerSignedDate" TIMESTAMP,
    "companySignedDate" TIMESTAMP,
    "description" TEXT,
    "account" UUID,
    "assigned_to" UUID,
    "createdAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "createdBy" UUID,
    "updatedAt" TIMESTAMP,
    "updatedBy" UUID,
    "status" TEXT NOT NULL DEFAULT 'NOTSTARTED' CHECK ("status" IN ('NOTSTARTED', 'INPROGRESS', 'SIGNED')),
    "type" TEXT,
    FOREIGN KEY ("account") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Contracts_account_idx" ON "crm_Contracts" ("account");
CREATE INDEX "crm_Contracts_assigned_to_idx" ON "crm_Contracts" ("assigned_to");
CREATE INDEX "crm_Contracts_createdBy_idx" ON "crm_Contracts" ("createdBy");
CREATE INDEX "crm_Contracts_updatedBy_idx" ON "crm_Contracts" ("updatedBy");
CREATE INDEX "crm_Contracts_status_idx" ON "crm_Contracts" ("status");
CREATE INDEX "crm_Contracts_startDate_idx" ON "crm_Contracts" ("startDate");
CREATE INDEX "crm_Contracts_endDate_idx" ON "crm_Contracts" ("endDate");
CREATE INDEX "crm_Contracts_createdAt_idx" ON "crm_Contracts" ("createdAt");
CREATE INDEX "crm_Contracts_startDate_endDate_idx" ON "crm_Contracts" ("startDate", "endDate");

CREATE TABLE "crm_Opportunities" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL DEFAULT 0,
    "account" UUID,
    "assigned_to" UUID,
    "budget" INTEGER NOT NULL DEFAULT 0,
    "campaign" UUID,
    "close_date" TIMESTAMP,
    "contact" UUID,
    "created_by" UUID,
    "createdBy" UUID,
    "created_on" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "createdAt" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_activity" TIMESTAMP,
    "updatedAt" TIMESTAMP,
    "updatedBy" UUID,
    "last_activity_by" UUID,
    "currency" TEXT,
    "description" TEXT,
    "expected_revenue" INTEGER NOT NULL DEFAULT 0,
    "name" TEXT,
    "next_step" TEXT,
    "sales_stage" UUID,
    "type" UUID,
    "status" TEXT DEFAULT 'ACTIVE' CHECK ("status" IN ('ACTIVE', 'INACTIVE', 'PENDING', 'CLOSED')),
    FOREIGN KEY ("type") REFERENCES "crm_Opportunities_Type" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("sales_stage") REFERENCES "crm_Opportunities_Sales_Stages" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_to") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("created_by") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("account") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("campaign") REFERENCES "crm_campaigns" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Opportunities_account_idx" ON "crm_Opportunities" ("account");
CREATE INDEX "crm_Opportunities_assigned_to_idx" ON "crm_Opportunities" ("assigned_to");
CREATE INDEX "crm_Opportunities_campaign_idx" ON "crm_Opportunities" ("campaign");
CREATE INDEX "crm_Opportunities_contact_idx" ON "crm_Opportunities" ("contact");
CREATE INDEX "crm_Opportunities_created_by_idx" ON "crm_Opportunities" ("created_by");
CREATE INDEX "crm_Opportunities_sales_stage_idx" ON "crm_Opportunities" ("sales_stage");
CREATE INDEX "crm_Opportunities_type_idx" ON "crm_Opportunities" ("type");
CREATE INDEX "crm_Opportunities_status_idx" ON "crm_Opportunities" ("status");
CREATE INDEX "crm_Opportunities_createdAt_idx" ON "crm_Opportunities" ("createdAt");
CREATE INDEX "crm_Opportunities_close_date_idx" ON "crm_Opportunities" ("close_date");
CREATE INDEX "crm_Opportunities_status_sales_stage_idx" ON "crm_Opportunities" ("status", "sales_stage");

CREATE TABLE "Boards" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "description" TEXT NOT NULL,
    "favourite" BOOLEAN,
    "favouritePosition" INTEGER,
    "icon" TEXT,
    "position" INTEGER,
    "title" TEXT NOT NULL,
    "user" UUID NOT NULL,
    "visibility" TEXT,
    "sharedWith" JSON,
    "createdAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "createdBy" UUID,
    "updatedAt" TIMESTAMP,
    "updatedBy" UUID,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE RESTRICT
);
CREATE INDEX "Boards_user_idx" ON "Boards" ("user");
CREATE INDEX "Boards_createdBy_idx" ON "Boards" ("createdBy");
CREATE INDEX "Boards_updatedBy_idx" ON "Boards" ("updatedBy");
CREATE INDEX "Boards_favourite_idx" ON "Boards" ("favourite");
CREATE INDEX "Boards_visibility_idx" ON "Boards" ("visibility");
CREATE INDEX "Boards_createdAt_idx" ON "Boards" ("createdAt");
CREATE INDEX "Boards_user_favourite_idx" ON "Boards" ("user", "favourite");

CREATE TABLE "Sections" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "board" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "position" INTEGER,
    FOREIGN KEY ("board") REFERENCES "Boards" ("id") ON DELETE RESTRICT
);
CREATE INDEX "Sections_board_idx" ON "Sections" ("board");

CREATE TABLE "Tasks" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "content" TEXT,
    "createdAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "createdBy" UUID,
    "updatedAt" TIMESTAMP,
    "updatedBy" UUID,
    "dueDateAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "lastEditedAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "position" INTEGER NOT NULL,
    "priority" TEXT NOT NULL,
    "section" UUID,
    "tags" JSON,
    "title" TEXT NOT NULL,
    "likes" INTEGER DEFAULT 0,
    "user" UUID,
    "taskStatus" TEXT DEFAULT 'ACTIVE' CHECK ("taskStatus" IN ('ACTIVE', 'PENDING', 'COMPLETE')),
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("section") REFERENCES "Sections" ("id") ON DELETE SET NULL
);
CREATE INDEX "Tasks_user_idx" ON "Tasks" ("user");
CREATE INDEX "Tasks_section_idx" ON "Tasks" ("section");
CREATE INDEX "Tasks_createdBy_idx" ON "Tasks" ("createdBy");
CREATE INDEX "Tasks_updatedBy_idx" ON "Tasks" ("updatedBy");
CREATE INDEX "Tasks_priority_idx" ON "Tasks" ("priority");
CREATE INDEX "Tasks_taskStatus_idx" ON "Tasks" ("taskStatus");
CREATE INDEX "Tasks_dueDateAt_idx" ON "Tasks" ("dueDateAt");
CREATE INDEX "Tasks_createdAt_idx" ON "Tasks" ("createdAt");
CREATE INDEX "Tasks_user_taskStatus_idx" ON "Tasks" ("user", "taskStatus");

CREATE TABLE "crm_Accounts_Tasks" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "content" TEXT,
    "createdAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "createdBy" UUID,
    "updatedAt" TIMESTAMP,
    "updatedBy" UUID,
    "dueDateAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "priority" TEXT NOT NULL,
    "tags" JSON,
    "title" TEXT NOT NULL,
    "likes" INTEGER DEFAULT 0,
    "user" UUID,
    "taskStatus" TEXT DEFAULT 'ACTIVE' CHECK ("taskStatus" IN ('ACTIVE', 'PENDING', 'COMPLETE')),
    "account" UUID,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("account") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL
);
CREATE INDEX "crm_Accounts_Tasks_user_idx" ON "crm_Accounts_Tasks" ("user");
CREATE INDEX "crm_Accounts_Tasks_account_idx" ON "crm_Accounts_Tasks" ("account");
CREATE INDEX "crm_Accounts_Tasks_createdBy_idx" ON "crm_Accounts_Tasks" ("createdBy");
CREATE INDEX "crm_Accounts_Tasks_updatedBy_idx" ON "crm_Accounts_Tasks" ("updatedBy");
CREATE INDEX "crm_Accounts_Tasks_priority_idx" ON "crm_Accounts_Tasks" ("priority");
CREATE INDEX "crm_Accounts_Tasks_taskStatus_idx" ON "crm_Accounts_Tasks" ("taskStatus");
CREATE INDEX "crm_Accounts_Tasks_dueDateAt_idx" ON "crm_Accounts_Tasks" ("dueDateAt");
CREATE INDEX "crm_Accounts_Tasks_createdAt_idx" ON "crm_Accounts_Tasks" ("createdAt");
CREATE INDEX "crm_Accounts_Tasks_account_taskStatus_idx" ON "crm_Accounts_Tasks" ("account", "taskStatus");

CREATE TABLE "tasksComments" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "comment" TEXT NOT NULL,
    "createdAt" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "task" UUID NOT NULL,
    "user" UUID NOT NULL,
    "assigned_crm_account_task" UUID,
    FOREIGN KEY ("assigned_crm_account_task") REFERENCES "crm_Accounts_Tasks" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE RESTRICT
);
CREATE INDEX "tasksComments_task_idx" ON "tasksComments" ("task");
CREATE INDEX "tasksComments_user_idx" ON "tasksComments" ("user");
CREATE INDEX "tasksComments_assigned_crm_account_task_idx" ON "tasksComments" ("assigned_crm_account_task");

CREATE TABLE "Documents" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER,
    "date_created" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "createdAt" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "last_updated" TIMESTAMP,
    "updatedAt" TIMESTAMP,
    "document_name" TEXT NOT NULL,
    "created_by_user" UUID,
    "createdBy" UUID,
    "description" TEXT,
    "document_type" UUID,
    "favourite" BOOLEAN,
    "document_file_mimeType" TEXT NOT NULL,
    "document_file_url" TEXT NOT NULL,
    "status" TEXT,
    "visibility" TEXT,
    "tags" JSON,
    "key" TEXT,
    "size" INTEGER,
    "assigned_user" UUID,
    "connected_documents" JSON,
    "document_system_type" TEXT DEFAULT 'OTHER' CHECK ("document_system_type" IN ('INVOICE', 'RECEIPT', 'CONTRACT', 'OFFER', 'OTHER')),
    FOREIGN KEY ("created_by_user") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_user") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("document_type") REFERENCES "Documents_Types" ("id") ON DELETE SET NULL
);
CREATE INDEX "Documents_created_by_user_idx" ON "Documents" ("created_by_user");
CREATE INDEX "Documents_assigned_user_idx" ON "Documents" ("assigned_user");
CREATE INDEX "Documents_document_type_idx" ON "Documents" ("document_type");
CREATE INDEX "Documents_createdBy_idx" ON "Documents" ("createdBy");
CREATE INDEX "Documents_status_idx" ON "Documents" ("status");
CREATE INDEX "Documents_visibility_idx" ON "Documents" ("visibility");
CREATE INDEX "Documents_favourite_idx" ON "Documents" ("favourite");
CREATE INDEX "Documents_createdAt_idx" ON "Documents" ("createdAt");
CREATE INDEX "Documents_document_system_type_idx" ON "Documents" ("document_system_type");

CREATE TABLE "Invoices" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER,
    "date_created" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_updated" TIMESTAMP NOT NULL,
    "last_updated_by" UUID,
    "date_received" TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    "date_of_case" TIMESTAMP,
    "date_tax" TIMESTAMP,
    "date_due" TIMESTAMP,
    "description" TEXT,
    "document_type" TEXT,
    "favorite" BOOLEAN DEFAULT false,
    "variable_symbol" TEXT,
    "constant_symbol" TEXT,
    "specific_symbol" TEXT,
    "order_number" TEXT,
    "internal_number" TEXT,
    "invoice_number" TEXT,
    "invoice_amount" TEXT,
    "invoice_file_mimeType" TEXT NOT NULL,
    "invoice_file_url" TEXT NOT NULL,
    "invoice_items" JSON,
    "invoice_type" TEXT,
    "invoice_currency" TEXT,
    "invoice_language" TEXT,
    "partner" TEXT,
    "partner_street" TEXT,
    "partner_city" TEXT,
    "partner_zip" TEXT,
    "partner_country" TEXT,
    "partner_country_code" TEXT,
    "partner_business_street" TEXT,
    "partner_business_city" TEXT,
    "partner_business_zip" TEXT,
    "partner_business_country" TEXT,
    "partner_business_country_code" TEXT,
    "partner_VAT_number" TEXT,
    "partner_TAX_number" TEXT,
    "partner_TAX_local_number" TEXT,
    "partner_phone_prefix" TEXT,
    "partner_phone_number" TEXT,
    "partner_fax_prefix" TEXT,
    "partner_fax_number" TEXT,
    "partner_email" TEXT,
    "partner_website" TEXT,
    "partner_is_person" BOOLEAN,
    "partner_bank" TEXT,
    "partner_account_number" TEXT,
    "partner_account_bank_number" TEXT,
    "partner_IBAN" TEXT,
    "partner_SWIFT" TEXT,
    "partner_BIC" TEXT,
    "rossum_status" TEXT,
    "rossum_annotation_id" TEXT,
    "rossum_annotation_url" TEXT,
    "rossum_document_id" TEXT,
    "rossum_document_url" TEXT,
    "rossum_annotation_json_url" TEXT,
    "rossum_annotation_xml_url" TEXT,
    "money_s3_url" TEXT,
    "status" TEXT,
    "invoice_state_id" UUID,
    "assigned_user_id" UUID,
    "assigned_account_id" UUID,
    "visibility" BOOLEAN NOT NULL DEFAULT true,
    FOREIGN KEY ("invoice_state_id") REFERENCES "invoice_States" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_user_id") REFERENCES "Users" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("assigned_account_id") REFERENCES "crm_Accounts" ("id") ON DELETE SET NULL
);
CREATE INDEX "Invoices_invoice_state_id_idx" ON "Invoices" ("invoice_state_id");
CREATE INDEX "Invoices_assigned_user_id_idx" ON "Invoices" ("assigned_user_id");
CREATE INDEX "Invoices_assigned_account_id_idx" ON "Invoices" ("assigned_account_id");
CREATE INDEX "Invoices_last_updated_by_idx" ON "Invoices" ("last_updated_by");
CREATE INDEX "Invoices_status_idx" ON "Invoices" ("status");
CREATE INDEX "Invoices_invoice_type_idx" ON "Invoices" ("invoice_type");
CREATE INDEX "Invoices_date_created_idx" ON "Invoices" ("date_created");
CREATE INDEX "Invoices_date_due_idx" ON "Invoices" ("date_due");
CREATE INDEX "Invoices_favorite_idx" ON "Invoices" ("favorite");
CREATE INDEX "Invoices_status_date_created_idx" ON "Invoices" ("status", "date_created");

CREATE TABLE "secondBrain_notions" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "user" UUID NOT NULL,
    "notion_api_key" TEXT NOT NULL,
    "notion_db_id" TEXT NOT NULL,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE RESTRICT
);
CREATE INDEX "secondBrain_notions_user_idx" ON "secondBrain_notions" ("user");

CREATE TABLE "openAi_keys" (
    "id" UUID PRIMARY KEY NOT NULL,
    "v" INTEGER NOT NULL,
    "user" UUID NOT NULL,
    "organization_id" TEXT NOT NULL,
    "api_key" TEXT NOT NULL,
    FOREIGN KEY ("user") REFERENCES "Users" ("id") ON DELETE RESTRICT
);
CREATE INDEX "openAi_keys_user_idx" ON "openAi_keys" ("user");

CREATE TABLE "DocumentsToInvoices" (
    "document_id" UUID NOT NULL,
    "invoice_id" UUID NOT NULL,
    PRIMARY KEY ("document_id", "invoice_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("invoice_id") REFERENCES "Invoices" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToInvoices_document_id_idx" ON "DocumentsToInvoices" ("document_id");
CREATE INDEX "DocumentsToInvoices_invoice_id_idx" ON "DocumentsToInvoices" ("invoice_id");

CREATE TABLE "DocumentsToOpportunities" (
    "document_id" UUID NOT NULL,
    "opportunity_id" UUID NOT NULL,
    PRIMARY KEY ("document_id", "opportunity_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("opportunity_id") REFERENCES "crm_Opportunities" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToOpportunities_document_id_idx" ON "DocumentsToOpportunities" ("document_id");
CREATE INDEX "DocumentsToOpportunities_opportunity_id_idx" ON "DocumentsToOpportunities" ("opportunity_id");

CREATE TABLE "DocumentsToContacts" (
    "document_id" UUID NOT NULL,
    "contact_id" UUID NOT NULL,
    PRIMARY KEY ("document_id", "contact_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("contact_id") REFERENCES "crm_Contacts" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToContacts_document_id_idx" ON "DocumentsToContacts" ("document_id");
CREATE INDEX "DocumentsToContacts_contact_id_idx" ON "DocumentsToContacts" ("contact_id");

CREATE TABLE "DocumentsToTasks" (
    "document_id" UUID NOT NULL,
    "task_id" UUID NOT NULL,
    PRIMARY KEY ("document_id", "task_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("task_id") REFERENCES "Tasks" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToTasks_document_id_idx" ON "DocumentsToTasks" ("document_id");
CREATE INDEX "DocumentsToTasks_task_id_idx" ON "DocumentsToTasks" ("task_id");

CREATE TABLE "DocumentsToCrmAccountsTasks" (
    "document_id" UUID NOT NULL,
    "crm_accounts_task_id" UUID NOT NULL,
    PRIMARY KEY ("document_id", "crm_accounts_task_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("crm_accounts_task_id") REFERENCES "crm_Accounts_Tasks" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToCrmAccountsTasks_document_id_idx" ON "DocumentsToCrmAccountsTasks" ("document_id");
CREATE INDEX "DocumentsToCrmAccountsTasks_crm_accounts_task_id_idx" ON "DocumentsToCrmAccountsTasks" ("crm_accounts_task_id");

CREATE TABLE "DocumentsToLeads" (
    "document_id" UUID NOT NULL,
    "lead_id" UUID NOT NULL,
    PRIMARY KEY ("document_id", "lead_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("lead_id") REFERENCES "crm_Leads" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToLeads_document_id_idx" ON "DocumentsToLeads" ("document_id");
CREATE INDEX "DocumentsToLeads_lead_id_idx" ON "DocumentsToLeads" ("lead_id");

CREATE TABLE "DocumentsToAccounts" (
    "document_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    PRIMARY KEY ("document_id", "account_id"),
    FOREIGN KEY ("document_id") REFERENCES "Documents" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("account_id") REFERENCES "crm_Accounts" ("id") ON DELETE CASCADE
);
CREATE INDEX "DocumentsToAccounts_document_id_idx" ON "DocumentsToAccounts" ("document_id");
CREATE INDEX "DocumentsToAccounts_account_id_idx" ON "DocumentsToAccounts" ("account_id");

CREATE TABLE "AccountWatchers" (
    "account_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    PRIMARY KEY ("account_id", "user_id"),
    FOREIGN KEY ("account_id") REFERENCES "crm_Accounts" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("user_id") REFERENCES "Users" ("id") ON DELETE CASCADE
);
CREATE INDEX "AccountWatchers_account_id_idx" ON "AccountWatchers" ("account_id");
CREATE INDEX "AccountWatchers_user_id_idx" ON "AccountWatchers" ("user_id");

CREATE TABLE "BoardWatchers" (
    "board_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    PRIMARY KEY ("board_id", "user_id"),
    FOREIGN KEY ("board_id") REFERENCES "Boards" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("user_id") REFERENCES "Users" ("id") ON DELETE CASCADE
);
CREATE INDEX "BoardWatchers_board_id_idx" ON "BoardWatchers" ("board_id");
CREATE INDEX "BoardWatchers_user_id_idx" ON "BoardWatchers" ("user_id");

CREATE TABLE "ContactsToOpportunities" (
    "contact_id" UUID NOT NULL,
    "opportunity_id" UUID NOT NULL,
    PRIMARY KEY ("contact_id", "opportunity_id"),
    FOREIGN KEY ("contact_id") REFERENCES "crm_Contacts" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("opportunity_id") REFERENCES "crm_Opportunities" ("id") ON DELETE CASCADE
);
CREATE INDEX "ContactsToOpportunities_contact_id_idx" ON "ContactsToOpportunities" ("contact_id");
CREATE INDEX "ContactsToOpportunities_opportunity_id_idx" ON "ContactsToOpportunities" ("opportunity_id");
